"""Each engine that sessions may have been kept in before: what goes along, in both dialects."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from support import old_engines
from support.event_loops import lasting
from support.old_engines import APPS, ENGINES, STORED, TABLES, cached_at

UTC = timezone.utc
ADA = {"_auth_user_id": "7", "cart": [1, {"a": None}], "name": "\u00fc"}
WEEKS = timedelta(weeks=2)  # SESSION_COOKIE_AGE
KNOWS_END = [*TABLES, "redis_sessions"]
MOMENT = timedelta(seconds=30)


def params(kinds):
    marks = {"postgres": [pytest.mark.thorough], "mariadb": [pytest.mark.thorough]}
    return [pytest.param(kind, marks=marks.get(kind, [])) for kind in kinds]


@pytest.fixture(params=params(ENGINES))
def old(relations, request):
    yield from old_engines.opened(request.param, request)


def only(*kinds):
    return pytest.mark.parametrize("old", params(kinds), indirect=True)


def but(*kinds):
    return only(*(kind for kind in ENGINES if kind not in kinds))


@pytest.fixture
def speak(old, dialect):
    """One loop for all, where the old engine is one of ours on Redis."""
    if old.kind != "ours_redis":
        yield dialect
        return
    for spoken in lasting(dialect, None):
        yield lambda subject: same_loop(spoken, subject)


def same_loop(spoken, subject):
    other = object.__new__(type(spoken))
    other.__dict__ = {**vars(spoken), "subject": subject}
    return other


@pytest.fixture
def session(speak, store):
    return lambda key=None: speak(store(key))


def now():
    return datetime.now(UTC)


def test_it_comes_and_is_gone_there(old, session, store):
    key = old.keep(**ADA)
    holder = session(key)
    assert {**dict(holder.items())}.items() >= ADA.items()
    assert holder.references() == {"user": "7"}
    (found,) = store.storage.find("user", "7")
    assert found[0] == holder.subject.handle
    assert not old.has(key)
    if old.removes:
        assert holder.subject.session_key == key


def test_it_comes_once_and_stays(old, session, store):
    key = old.keep(**ADA)
    holder = session(key)
    holder.update({"cart": [2]})
    holder.save()
    again = session(holder.subject.session_key)
    assert again.get("cart") == [2]
    assert again.get("name") == "\u00fc"
    assert session(key).get("cart") == [2]
    assert store.storage.count() == 1


def test_an_unknown_one_does_not_come(old, session, store):
    holder = session(keys.new_key())
    assert dict(holder.items()) == {}
    assert holder.subject.session_key is None
    assert store.storage.count() == 0


@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
class TestEnd:
    def test_of_itself(self, old, session, settings, use_tz):
        settings.USE_TZ = use_tz
        end = session(old.keep(**ADA)).expires_at()
        assert abs(end - (now() + WEEKS)) < MOMENT

    @only(*KNOWS_END, "file")
    def test_as_it_is_there(self, old, session, settings, use_tz):
        settings.USE_TZ = use_tz
        key = old.keep(**ADA)
        age(old, key, timedelta(days=10))
        holder = session(key)
        assert abs(holder.expires_at() - (now() + timedelta(days=4))) < timedelta(seconds=2)
        assert abs(holder.last_seen_at() - (now() - timedelta(days=10))) < MOMENT or (
            old.kind in {"user_sessions", "qsessions", "qsessions_cached_db"}  # know better
        )

    @but("signed_cookies")
    def test_in_a_number_of_seconds(self, old, session, settings, use_tz):
        settings.USE_TZ = use_tz
        holder = session(old.keep(3600, **ADA))
        assert abs(holder.expires_at() - (now() + timedelta(hours=1))) < MOMENT
        assert holder.get_expiry_age() == 3600

    def test_on_a_date(self, old, session, settings, use_tz):
        settings.USE_TZ = use_tz
        end = datetime(now().year + 1, 6, 1, 12) if not use_tz else now() + timedelta(days=5)
        holder = session(old.keep(end, **ADA))
        # A naive date is meant in TIME_ZONE, Europe/Berlin.
        expected = end if use_tz else datetime(now().year + 1, 6, 1, 10, tzinfo=UTC)
        # django-redis-sessions counts the hours between without minding the clocks' change.
        slack = timedelta(hours=old.kind == "redis_sessions", seconds=2)
        assert abs(holder.expires_at() - expected) < slack

    def test_with_the_browser(self, old, session, settings, use_tz):
        settings.USE_TZ = use_tz
        holder = session(old.keep(0, **ADA))
        assert holder.get_expire_at_browser_close() is True
        assert abs(holder.expires_at() - (now() + WEEKS)) < MOMENT

    @only(*TABLES, "file", "ours_memory", "ours_redis", "ours_db")
    def test_one_that_is_over_does_not_come(self, old, session, store, settings, use_tz):
        settings.USE_TZ = use_tz
        key = old.keep(**ADA)
        age(old, key, WEEKS + timedelta(seconds=5))
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0


def age(old, key, by):
    """As if it had been saved this long ago."""
    if old.kind in APPS:
        row = old.model.objects.get(pk=key)
        old.model.objects.filter(pk=key).update(expire_date=row.expire_date - by)
    elif old.kind == "file":
        saved = (now() - by).timestamp()
        os.utime(old.store(key)._key_to_file(), (saved, saved))
    elif old.kind in STORED:
        storage, handle = old.store.storage, keys.hash_key(key)
        end = storage.read(handle).expires_at
        storage.update(handle, Change(expires_at=end - by))
    else:
        store = old.store(key)
        store.server.expire(store.get_real_stored_key(key), WEEKS - by)


@only("cache", "signed_cookies", "other")
def test_a_custom_end_that_has_come(old, session, store):
    key = old.keep(now() + timedelta(days=1), **ADA)
    if old.kind == "cache":
        cache, name = cached_at(key, old.store)
        cache.set(name, {**ADA, "_session_expiry": (now() - MOMENT).isoformat()})
    else:
        key = old.keep(now() - MOMENT, **ADA)
    assert dict(session(key).items()) == {}
    assert store.storage.count() == 0


@but("ours_memory", "ours_redis", "ours_db")  # they had it there
def test_the_absolute_end_holds_for_it(old, session, settings):
    key = old.keep(**ADA)
    settings.MULTISESSION_ABSOLUTE_AGE = 3600
    assert abs(session(key).expires_at() - (now() + timedelta(hours=1))) < MOMENT


# Further facts, where the engine knows any


def with_client(old, **data):
    holder = old.store(user_agent="Firefox", ip="192.0.2.1")
    for name, value in data.items():
        holder[name] = value
    holder.save()
    return holder.session_key


CLIENTS = only("user_sessions", "qsessions", "qsessions_cached_db")


@CLIENTS
@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
def test_the_address_the_device_and_the_times(old, session, store, settings, use_tz):
    settings.USE_TZ = use_tz
    key = with_client(old, name="ada")
    zone = UTC if use_tz else None
    seen, made = (datetime(2026, 1, day, 12, tzinfo=zone) for day in (2, 1))
    times = {"last_activity": seen} if old.kind == "user_sessions" else {"updated_at": seen}
    if old.kind != "user_sessions":
        times["created_at"] = made
    old.model.objects.filter(pk=key).update(**times)
    holder = session(key)
    hour = 12 if use_tz else 11  # of Berlin
    assert holder.last_seen_at() == datetime(2026, 1, 2, hour, tzinfo=UTC)
    day = 2 if old.kind == "user_sessions" else 1
    assert holder.created_at() == datetime(2026, 1, day, hour, tzinfo=UTC)
    record = store.storage.read(holder.subject.handle)
    assert (record.ip, record.user_agent) == ("192.0.2.1", "Firefox")


@CLIENTS
def test_whose_client_is_unknown(old, session, store):
    holder = session(old.keep(**ADA))
    assert holder.get("name") == "\u00fc"
    record = store.storage.read(holder.subject.handle)
    assert (record.ip, record.user_agent) == (None, "")


@only("ours_memory", "ours_redis", "ours_db")
def test_one_of_ours_comes_whole(old, session, store, clock):
    holder = old.store()
    holder.label, holder["_auth_user_id"] = "CI", "7"
    holder.save()
    before = old.store.storage.read(holder.handle)
    clock.advance(days=1)
    assert session(holder.session_key).get("_auth_user_id") == "7"
    assert store.storage.read(holder.handle) == before
    assert old.store.storage.read(holder.handle) is None


@only("ours_memory", "ours_redis", "ours_db", "db")
def test_a_handle_is_no_key(old, session, store):
    """Whoever sees it, in the admin for example, must not be logged in by it."""
    key = old.keep(**ADA)
    assert dict(session(keys.hash_key(key)).items()) == {}
    assert old.has(key)
    assert store.storage.count() == 0
