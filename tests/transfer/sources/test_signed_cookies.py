"""`sources.signed_cookies`: sessions that browsers hold, of which they may keep a copy."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.core import signing

from django_multisession.core import keys
from django_multisession.transfer.base import NotListable
from django_multisession.transfer.sources import signed_cookies
from support import old_engines
from support.old_engines import ENGINES

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def previous(settings, request):
    yield from old_engines.opened("signed_cookies", request)


@pytest.fixture
def calls(memory_storage, monkeypatch):
    """The calls of the storage, each as its verb and its first argument."""
    calls = []
    for verb in ("read", "insert", "update", "rename", "delete", "active_leases", "acquire_lease"):
        monkeypatch.setattr(
            memory_storage, verb, lambda name, *args, verb=verb: calls.append((verb, name))
        )
    return calls


GOOD = "eyJhIjoxfQ:1rYhZq:"
HOSTILE = {
    "empty": "",
    "unsigned": "eyJhIjoxfQ",
    "wrong": f"{GOOD}{'A' * 43}",
    "colons": ":" * 100,
    "long": "A" * 8193,
    "longer": f"{GOOD}{'A' * 1_000_000}",
    "NUL": "a\0b:c:d",
    "surrogate": "\ud800:\ud800:\ud800",
    "accents": "\u00fc:\u00fc:\u00fc",
    "newline": f"{GOOD}{'A' * 43}\n",
    "path": "../../../../etc/passwd",
    "time": f"eyJhIjoxfQ:{'z' * 400}:{'A' * 43}",
}


@pytest.mark.parametrize("offered", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_cookie_reaches_no_server(session, calls, offered):
    holder = session(offered)
    assert dict(holder.items()) == {}
    assert holder.subject.session_key is None
    holder.flush()
    assert calls == []


@pytest.mark.parametrize("position", [0, 10, -1])
def test_a_tampered_cookie_reaches_no_server(previous, session, calls, position):
    cookie = list(previous.keep(**ADA))
    cookie[position] = "A" if cookie[position] != "A" else "B"
    assert dict(session("".join(cookie)).items()) == {}
    assert calls == []


def test_a_cookie_that_is_too_old(previous, session, monkeypatch, settings):
    cookie = previous.keep(**ADA)
    later = time.time() + settings.SESSION_COOKIE_AGE + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert dict(session(cookie).items()) == {}


def test_a_value_signed_with_another_salt(previous, session, calls):
    """A token that the project signed for another purpose is not a session."""
    assert dict(session(signing.dumps(ADA, salt="password reset")).items()) == {}
    assert calls == []


def test_a_cookie_that_is_longer_than_browsers_keep(previous, session, calls):
    cookie = signing.dumps({"a": keys.new_key() * 1000}, salt=signed_cookies.SALT)
    assert len(cookie) > signed_cookies.LENGTH
    assert dict(session(cookie).items()) == {}
    assert calls == []


def test_signed_by_a_former_key(previous, session, settings):
    cookie = previous.keep(**ADA)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert dict(session(cookie).items()) == ADA


def test_it_was_seen_when_it_was_signed(previous, session, monkeypatch):
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now - 3600)
    cookie = previous.keep(**ADA)
    monkeypatch.undo()
    holder = session(cookie)
    assert abs(holder.last_seen_at().timestamp() - (now - 3600)) < 2
    assert holder.expires_at() - holder.last_seen_at() == timedelta(weeks=2)


def test_the_client_is_sent_a_key(previous, session):
    holder = session(previous.keep(**ADA))
    assert dict(holder.items()) == ADA
    assert holder.subject.modified
    assert keys.is_key(holder.subject.session_key)


def test_all_requests_with_one_cookie_of_a_user_get_one_session(previous, session, store):
    cookie = previous.keep(**ADA)
    first, second = session(cookie), session(cookie)
    assert dict(first.items()) == dict(second.items()) == ADA
    assert first.subject.session_key == second.subject.session_key
    assert store.storage.count() == 1


def test_the_key_reveals_nothing_of_the_cookie_and_is_not_its_hash(previous, session):
    cookie = previous.keep(**ADA)
    holder = session(cookie)
    holder.get("cart")
    assert holder.subject.session_key not in cookie
    assert holder.subject.handle != keys.hash_key(cookie)


def test_visitors_with_equal_cookies_never_share_a_session(previous, session, store, monkeypatch):
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now)
    mine, yours = previous.keep(theme="dark"), previous.keep(theme="dark")
    assert mine == yours
    first, second = session(mine), session(yours)
    first.update({"cart": ["mine"]})
    first.save()
    assert dict(second.items()) == {"theme": "dark"}
    assert first.subject.session_key != second.subject.session_key


def test_two_logins_of_one_user_at_one_moment_are_one_session(previous, session):
    """Only this user can have such a cookie, so sharing a session does no harm."""
    cookie = previous.keep(**ADA)
    assert session(cookie).get("_auth_user_id") == session(cookie).get("_auth_user_id") == "7"


def test_a_visitor_who_only_looks_at_a_field_is_sent_a_key(previous, session, store):
    """A client without a key would send the cookie again and get a session for each request."""
    holder = session(previous.keep(theme="dark"))
    assert holder.get_fields("theme") == {"theme": "dark"}
    assert holder.subject.modified


ENDINGS = {
    "flush": lambda session, cookie: read(session(cookie)).flush(),
    "delete": lambda session, cookie: read(session(cookie)).delete(),
    "flush unread": lambda session, cookie: session(cookie).flush(),
    "delete unread": lambda session, cookie: session(cookie).delete(),
    "cycle_key": lambda session, cookie: read(session(cookie)).cycle_key(),
    "cycle_key unread": lambda session, cookie: session(cookie).cycle_key(),
}


def read(holder):
    """Load the session and return its holder."""
    holder.get("cart")
    return holder


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("references", [{"user": "_auth_user_id"}, {}, {"org": "org_id"}])
def test_a_copy_of_the_cookie_of_an_ended_session_logs_nobody_in(
    previous, session, store, settings, ending, references
):
    settings.MULTISESSION_REFERENCES = references
    cookie = previous.keep(**ADA)
    ending(session, cookie)
    remaining = store.storage.count()
    for _ in range(2):
        assert dict(session(cookie).items()) == {}
    assert store.storage.count() == remaining <= 1


@pytest.mark.parametrize("order", [1, -1])
def test_beside_other_sources(previous, session, settings, databases, order, request):
    settings.MULTISESSION_MIGRATE_FROM = [ENGINES["ours_memory"], previous.engine][::order]
    cookie = previous.keep(**ADA)
    assert dict(session(cookie).items()) == ADA
    assert dict(session(keys.new_key()).items()) == {}


class TestSource:
    def test_a_cookie_is_recognised_and_a_key_is_not(self, previous):
        source = previous.source
        assert source.may_have(previous.keep(**ADA))
        assert not source.may_have(keys.new_key())
        assert not source.may_have(keys.hash_key(keys.new_key()))

    def test_nothing_can_be_removed(self, previous):
        cookie = previous.keep(**ADA)
        assert previous.source.removes is False
        assert previous.source.remove(cookie) is False
        assert previous.source.find(cookie).references == {"user": "7"}

    def test_the_sessions_cannot_be_listed(self, previous):
        for verb in (previous.source.iterate, previous.source.count):
            with pytest.raises(NotListable, match="Only the browsers have these sessions"):
                verb()
