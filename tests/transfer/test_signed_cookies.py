"""Sessions that were in signed cookies: the browser has them, and may keep a copy."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.core import signing

from django_multisession.core import keys
from django_multisession.transfer.sources import signed_cookies
from support import old_engines
from support.old_engines import ENGINES

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def old(settings, request):
    yield from old_engines.opened("signed_cookies", request)


@pytest.fixture
def session(old, store, dialect):
    return lambda key=None: dialect(store(key))


@pytest.fixture
def asked(memory_storage, monkeypatch):
    """The names that the storage was asked for."""
    names = []
    for verb in ("read", "insert", "update", "rename", "delete", "active_leases", "acquire_lease"):
        monkeypatch.setattr(
            memory_storage, verb, lambda name, *args, verb=verb: names.append((verb, name))
        )
    return names


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
def test_a_hostile_cookie_reaches_no_server(session, asked, offered):
    holder = session(offered)
    assert dict(holder.items()) == {}
    assert holder.subject.session_key is None
    holder.flush()
    assert asked == []


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_tampered_one_reaches_no_server(old, session, asked, place):
    cookie = list(old.keep(**ADA))
    cookie[place] = "A" if cookie[place] != "A" else "B"
    assert dict(session("".join(cookie)).items()) == {}
    assert asked == []


def test_one_that_is_too_old(old, session, monkeypatch, settings):
    cookie = old.keep(**ADA)
    later = time.time() + settings.SESSION_COOKIE_AGE + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert dict(session(cookie).items()) == {}


def test_one_of_another_salt(old, session, asked):
    """A token of the project's own, signed for something else, is no session."""
    assert dict(session(signing.dumps(ADA, salt="password reset")).items()) == {}
    assert asked == []


def test_a_longer_one_than_browsers_keep(old, session, asked):
    cookie = signing.dumps({"a": keys.new_key() * 1000}, salt=signed_cookies.SALT)
    assert len(cookie) > signed_cookies.LENGTH
    assert dict(session(cookie).items()) == {}
    assert asked == []


def test_signed_by_a_former_key(old, session, settings):
    cookie = old.keep(**ADA)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert dict(session(cookie).items()) == ADA


def test_it_was_seen_when_it_was_signed(old, session, monkeypatch):
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now - 3600)
    cookie = old.keep(**ADA)
    monkeypatch.undo()
    holder = session(cookie)
    assert abs(holder.last_seen_at().timestamp() - (now - 3600)) < 2
    assert holder.expires_at() - holder.last_seen_at() == timedelta(weeks=2)


def test_the_client_is_sent_a_key(old, session):
    holder = session(old.keep(**ADA))
    assert dict(holder.items()) == ADA
    assert holder.subject.modified
    assert keys.is_key(holder.subject.session_key)


def test_all_requests_with_one_cookie_of_a_user_get_one_session(old, session, store):
    cookie = old.keep(**ADA)
    first, second = session(cookie), session(cookie)
    assert dict(first.items()) == dict(second.items()) == ADA
    assert first.subject.session_key == second.subject.session_key
    assert store.storage.count() == 1


def test_its_key_tells_nothing_of_the_cookie_and_is_not_its_hash(old, session):
    cookie = old.keep(**ADA)
    holder = session(cookie)
    holder.get("cart")
    assert holder.subject.session_key not in cookie
    assert holder.subject.handle != keys.hash_key(cookie)


def test_visitors_with_equal_cookies_never_share_a_session(old, session, store, monkeypatch):
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now)
    mine, yours = old.keep(theme="dark"), old.keep(theme="dark")
    assert mine == yours
    first, second = session(mine), session(yours)
    first.update({"cart": ["mine"]})
    first.save()
    assert dict(second.items()) == {"theme": "dark"}
    assert first.subject.session_key != second.subject.session_key


def test_two_logins_of_one_user_at_one_moment_are_one_session(old, session):
    """Whoever has such a cookie is this user."""
    cookie = old.keep(**ADA)
    assert session(cookie).get("_auth_user_id") == session(cookie).get("_auth_user_id") == "7"


def test_a_visitor_who_only_looks_at_a_field_is_sent_a_key(old, session, store):
    """Who is sent none comes with the cookie again, and again, and makes a session each time."""
    holder = session(old.keep(theme="dark"))
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
    holder.get("cart")
    return holder


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("references", [{"user": "_auth_user_id"}, {}, {"org": "org_id"}])
def test_a_copy_of_an_ended_one_opens_nothing(old, session, store, settings, ending, references):
    settings.MULTISESSION_REFERENCES = references
    cookie = old.keep(**ADA)
    ending(session, cookie)
    left = store.storage.count()
    for _ in range(2):
        assert dict(session(cookie).items()) == {}
    assert store.storage.count() == left <= 1


@pytest.mark.parametrize("order", [1, -1])
def test_beside_other_sources(old, session, settings, databases, order, request):
    settings.MULTISESSION_MIGRATE_FROM = [ENGINES["ours_memory"], old.engine][::order]
    cookie = old.keep(**ADA)
    assert dict(session(cookie).items()) == ADA
    assert dict(session(keys.new_key()).items()) == {}
