"""The contract that every source keeps: what a moved session has, in both dialects."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from support import old_engines
from support.old_engines import APPS, ENGINES, STORED, TABLES, cached_at
from support.source_cases import all_but, engine_params, only

UTC = timezone.utc
ADA = {"_auth_user_id": "7", "cart": [1, {"a": None}], "name": "\u00fc"}
WEEKS = timedelta(weeks=2)  # SESSION_COOKIE_AGE
STORES_EXPIRY = [*TABLES, "redis_sessions"]
TOLERANCE = timedelta(seconds=30)


@pytest.fixture(params=engine_params(ENGINES))
def previous(relations, request):
    yield from old_engines.opened(request.param, request)


def now():
    """Return the current time in UTC."""
    return datetime.now(UTC)


def test_a_session_is_moved(previous, session, store):
    key = previous.keep(**ADA)
    holder = session(key)
    assert {**dict(holder.items())}.items() >= ADA.items()
    assert holder.references() == {"user": "7"}
    ((handle, _),) = store.storage.find("user", "7")
    assert handle == holder.subject.handle
    assert not previous.has(key)
    if previous.removes:
        assert holder.subject.session_key == key


def test_a_session_is_moved_once(previous, session, store):
    key = previous.keep(**ADA)
    holder = session(key)
    holder.update({"cart": [2]})
    holder.save()
    again = session(holder.subject.session_key)
    assert again.get("cart") == [2]
    assert again.get("name") == "\u00fc"
    assert session(key).get("cart") == [2]
    assert store.storage.count() == 1


def test_an_unknown_key_is_dropped(previous, session, store):
    holder = session(keys.new_key())
    assert dict(holder.items()) == {}
    assert holder.subject.session_key is None
    assert store.storage.count() == 0


@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
class TestExpiry:
    def test_by_default(self, previous, session, settings, use_tz):
        settings.USE_TZ = use_tz
        end = session(previous.keep(**ADA)).expires_at()
        assert abs(end - (now() + WEEKS)) < TOLERANCE

    @only(*STORES_EXPIRY, "file")
    def test_as_the_previous_engine_stores_it(self, previous, session, settings, use_tz):
        settings.USE_TZ = use_tz
        key = previous.keep(**ADA)
        age(previous, key, timedelta(days=10))
        holder = session(key)
        assert abs(holder.expires_at() - (now() + timedelta(days=4))) < timedelta(seconds=2)
        assert abs(holder.last_seen_at() - (now() - timedelta(days=10))) < TOLERANCE or (
            previous.kind
            in {
                "user_sessions",
                "qsessions",
                "qsessions_cached_db",
            }  # they store the time of the last use
        )

    @all_but("signed_cookies")
    def test_a_number_of_seconds(self, previous, session, settings, use_tz):
        settings.USE_TZ = use_tz
        holder = session(previous.keep(3600, **ADA))
        assert abs(holder.expires_at() - (now() + timedelta(hours=1))) < TOLERANCE
        assert holder.get_expiry_age() == 3600

    def test_a_date(self, previous, session, settings, use_tz):
        settings.USE_TZ = use_tz
        end = datetime(now().year + 1, 6, 1, 12) if not use_tz else now() + timedelta(days=5)
        holder = session(previous.keep(end, **ADA))
        # A naive date is local time, and TIME_ZONE is Europe/Berlin.
        expected = end if use_tz else datetime(now().year + 1, 6, 1, 10, tzinfo=UTC)
        # django-redis-sessions ignores the change to daylight saving time.
        slack = timedelta(hours=previous.kind == "redis_sessions", seconds=2)
        assert abs(holder.expires_at() - expected) < slack

    def test_the_end_of_the_browser_session(self, previous, session, settings, use_tz):
        settings.USE_TZ = use_tz
        holder = session(previous.keep(0, **ADA))
        assert holder.get_expire_at_browser_close() is True
        assert abs(holder.expires_at() - (now() + WEEKS)) < TOLERANCE

    @only(*TABLES, "file", "ours_memory", "ours_redis", "ours_db")
    def test_an_expired_session_is_not_moved(self, previous, session, store, settings, use_tz):
        settings.USE_TZ = use_tz
        key = previous.keep(**ADA)
        age(previous, key, WEEKS + timedelta(seconds=5))
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0


def age(previous, key, by):
    """Change the stored session as if it had been saved this long ago."""
    if previous.kind in APPS:
        row = previous.model.objects.get(pk=key)
        previous.model.objects.filter(pk=key).update(expire_date=row.expire_date - by)
    elif previous.kind == "file":
        saved = (now() - by).timestamp()
        os.utime(previous.store(key)._key_to_file(), (saved, saved))
    elif previous.kind in STORED:
        storage, handle = previous.store.storage, keys.hash_key(key)
        end = storage.read(handle).expires_at
        storage.update(handle, Change(expires_at=end - by))
    else:
        store = previous.store(key)
        store.server.expire(store.get_real_stored_key(key), WEEKS - by)


@only("cache", "signed_cookies", "other")
def test_a_custom_expiry_that_has_passed(previous, session, store):
    key = previous.keep(now() + timedelta(days=1), **ADA)
    if previous.kind == "cache":
        cache, name = cached_at(key, previous.store)
        cache.set(name, {**ADA, "_session_expiry": (now() - TOLERANCE).isoformat()})
    else:
        key = previous.keep(now() - TOLERANCE, **ADA)
    assert dict(session(key).items()) == {}
    assert store.storage.count() == 0


@all_but("ours_memory", "ours_redis", "ours_db")  # they apply it themselves
def test_the_absolute_age_applies(previous, session, settings):
    key = previous.keep(**ADA)
    settings.MULTISESSION_ABSOLUTE_AGE = 3600
    assert abs(session(key).expires_at() - (now() + timedelta(hours=1))) < TOLERANCE


@only("ours_memory", "ours_redis", "ours_db", "db")
def test_a_handle_is_not_a_key(previous, session, store):
    """Handles are shown, in the admin for example, so a handle in a cookie must log nobody in."""
    key = previous.keep(**ADA)
    assert dict(session(keys.hash_key(key)).items()) == {}
    assert previous.has(key)
    assert store.storage.count() == 0
