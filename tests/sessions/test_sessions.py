"""The public API: finding and listing sessions, on every storage, in both dialects."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from itertools import chain
from uuid import UUID, uuid4

import pytest
from django.contrib.sessions.backends.db import SessionStore as DjangoStore
from django.core.exceptions import ImproperlyConfigured

from django_multisession import sessions
from django_multisession.maintenance import pruning
from django_multisession.sessions import creation
from django_multisession.sessions import info as session_info
from support.project import install, tokens

ADA, GRACE = {"_auth_user_id": "1"}, {"_auth_user_id": "2"}


def handles(infos):
    return [info.handle for info in infos]


class TestForUser:
    def test_the_most_recently_active_first(self, api, clock):
        first, second, third = tokens(api, 3, clock, **ADA)
        tokens(api, 1, clock, **GRACE)
        tokens(api, 1, clock)
        assert handles(api.for_user(1)) == [third, second, first]
        assert api.for_user(3) == []

    def test_a_session_that_is_used_again_comes_first(self, quick, clock):
        holder = quick.create(data=ADA)
        clock.advance(minutes=1)
        tokens(quick, 2, clock, **ADA)
        holder.touch()
        assert quick.for_user(1)[0].handle == holder.handle

    def test_expired_sessions_are_left_out(self, api, clock):
        api.create(data=ADA, expires_in=60)
        live = api.create(data=ADA, expires_in=3600)
        clock.advance(minutes=2)
        assert handles(api.for_user(1)) == [live.handle]

    def test_the_order_of_sessions_seen_at_the_same_time_is_stable(self, quick):
        many = [quick.create(data=ADA).handle for _ in range(5)]
        assert handles(quick.for_user(1)) == sorted(many, reverse=True)

    def test_a_session_without_its_user_is_not_found(self, quick):
        holder = quick.create(data=ADA)
        del holder["_auth_user_id"]
        holder.save()
        assert quick.for_user(1) == []


class TestFind:
    def test_a_value_of_any_kind(self, api, settings):
        settings.MULTISESSION_REFERENCES = {"org": "org_id", "device": "device", "team": "team"}
        device, team = uuid4(), "O'Brien \u00fc\U0001f36a"
        data = {"org_id": 7, "device": str(device), "team": team}
        holder = api.create(data=data)
        api.create(data={"org_id": 70, "device": str(uuid4()), "team": team.lower()})
        for name, value in [("org", 7), ("org", "7"), ("device", device), ("team", team)]:
            (info,) = api.find(name, value)
            assert info.handle == holder.handle
            assert info.references == {"org": "7", "device": str(device), "team": team}

    @pytest.mark.parametrize("value", [8, " 7", "7.0", "07", UUID(int=7)])
    def test_a_value_that_no_session_has(self, quick, settings, value):
        settings.MULTISESSION_REFERENCES = {"org": "org_id"}
        quick.create(data={"org_id": 7})
        assert quick.find("org", value) == []

    def test_a_changed_reference_is_found_by_its_new_value(self, quick, settings):
        settings.MULTISESSION_REFERENCES = {"org": "org_id"}
        holder = quick.create(data={"org_id": 7})
        holder["org_id"] = 8
        holder.save()
        assert (quick.find("org", 7), handles(quick.find("org", 8))) == ([], [holder.handle])

    def test_sessions_are_yielded_one_by_one_but_errors_are_raised_at_once(self, quick):
        assert isinstance(sessions.find("user", 1), Iterator)
        assert isinstance(sessions.afind("user", 1), AsyncIterator)
        for find in (sessions.find, sessions.afind):
            with pytest.raises(ValueError, match="has no 'nobody'"):
                find("nobody", 1)
            with pytest.raises(ValueError, match="needs a value"):
                find("user", None)


class TestGet:
    def test_by_its_handle(self, api, clock):
        holder = api.create(data=ADA, label="CI")
        info = api.get(holder.handle)
        assert (info.handle, info.label, info.references) == (holder.handle, "CI", {"user": "1"})
        assert info.created_at == info.last_seen_at == clock.now
        assert info == api.for_user(1)[0]
        assert api.get("A" * 43) is None

    def test_an_expired_session(self, api, clock):
        holder = api.create(expires_in=60)
        clock.advance(minutes=2)
        assert api.get(holder.handle) is None

    @pytest.mark.parametrize(
        "handle",
        ["", "A" * 42, "A" * 44, "A" * 42 + "\n", "A" * 42 + "+", "../" * 15, None, 7, b"A" * 43],
    )
    def test_text_that_is_not_a_handle_reaches_no_storage(
        self, quick, memory_storage, monkeypatch, handle
    ):
        monkeypatch.setattr(memory_storage, "read", None)
        monkeypatch.setattr(memory_storage, "delete", None)
        assert quick.get(handle) is None
        assert quick.end(handle) is False

    def test_a_key_is_not_a_handle(self, quick):
        holder = quick.create()
        assert quick.get(holder.session_key) is None
        assert quick.end(holder.session_key) is False
        assert quick.count() == 1


class TestAll:
    def test_page_by_page(self, api, clock):
        many = {api.create(data=ADA).handle for _ in range(5)}
        api.create(expires_in=60)
        clock.advance(minutes=2)
        first, cursor = api.page(limit=2)
        second, cursor = api.page(cursor, 2)
        third, cursor = api.page(cursor, limit=2)
        assert (len(first), len(second), len(third), cursor) == (2, 2, 1, None)
        assert set(handles(chain(first, second, third))) == many
        assert api.count() == 5

    def test_all_goes_over_every_page(self, quick):
        many = {quick.create().handle for _ in range(201)}
        listed = handles(quick.all())
        assert (len(listed), set(listed)) == (201, many)

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_page_of_none_is_refused(self, quick, limit):
        """Servers answer it with various errors, and `all` would never end."""
        quick.create()
        with pytest.raises(ValueError, match="limit"):
            quick.page(limit=limit)

    def test_without_sessions(self, quick):
        assert (quick.page(), quick.all(), quick.count()) == (([], None), [], 0)

    def test_text_that_is_not_a_cursor_is_refused(self, quick):
        with pytest.raises(ValueError, match="ursor"):
            quick.page("nonsense")


def test_no_field_is_in_what_is_listed(quick):
    """Neither its name nor its value. `test_costs` asserts that none is transferred."""
    holder = quick.create(data={**ADA, "note": "private"})
    listed = [*quick.for_user(1), *quick.page()[0], *quick.all(), quick.get(holder.handle)]
    listed += quick.sample()[0]
    assert len(listed) == 5
    assert "private" not in str([[getattr(info, f.name) for f in fields(info)] for info in listed])


# Errors

UNKNOWN_REFERENCES = [
    lambda api: api.find("team", 7),
    lambda api: api.end_matching("team", 7),
    lambda api: api.find("", 7),
    lambda api: api.find(None, 7),
]


@pytest.mark.parametrize("find", UNKNOWN_REFERENCES)
def test_a_reference_that_is_not_configured_is_refused_and_the_known_are_named(
    quick, settings, find
):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    quick.create(data=ADA)
    with pytest.raises(ValueError, match=r"MULTISESSION_REFERENCES.*'user', 'org'\."):
        find(quick)
    assert quick.count() == 1


@pytest.mark.parametrize("references", [{}, {"org": "org_id"}])
def test_without_the_reference_user_nobody_is_looked_for(quick, settings, references):
    settings.MULTISESSION_REFERENCES = references
    for function in (quick.for_user, quick.log_out_everywhere):
        with pytest.raises(ValueError, match=r"has no 'user'\. It has: ('org'|none)"):
            function(1)


# Function -> arguments for a call of it.
CALLS = {
    "for_user": [1],
    "find": ["user", 1],
    "get": ["A" * 43],
    "page": [],
    "all": [],
    "sample": [],
    "count": [],
    "create": [],
    "relabel": ["A" * 43, "CI"],
    "end": ["A" * 43],
    "log_out_everywhere": [1],
    "end_matching": ["user", 1],
    "clear": [],
    "prune": [],
}


@pytest.mark.parametrize("name", CALLS)
def test_djangos_own_engines_are_refused(settings, dialect, name):
    settings.SESSION_ENGINE = DjangoStore.__module__
    with pytest.raises(ImproperlyConfigured, match=f"SESSION_ENGINE '{DjangoStore.__module__}'"):
        getattr(dialect(sessions), name)(*CALLS[name])


def test_the_engine_may_change_from_test_to_test(settings, memory_storage, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    sessions.create()
    settings.SESSION_ENGINE = DjangoStore.__module__
    with pytest.raises(ImproperlyConfigured):
        sessions.count()
    install(memory_storage, settings, monkeypatch)
    assert sessions.count() == 1


# The exported names

MODULES = {module.__name__ for module in (sessions, creation, session_info, pruning)}


def test_every_public_name_is_exported():
    public = {name for name, value in vars(sessions).items() if is_public(name, value)}
    assert set(sessions.__all__) == public
    assert sessions.__all__ == sorted(sessions.__all__)


def is_public(name, value):
    """Return whether the module defines the name, or passes it on from a module that does."""
    return getattr(value, "__module__", None) in MODULES and not name.startswith("_")


def test_every_function_has_its_twin_with_the_same_parameters():
    assert set(sessions.__all__) == {"SessionInfo", *CALLS, *(f"a{name}" for name in CALLS)}
    for name in CALLS:
        blocking, twin = (inspect.signature(getattr(sessions, n)) for n in (name, f"a{name}"))
        assert blocking.parameters == twin.parameters
