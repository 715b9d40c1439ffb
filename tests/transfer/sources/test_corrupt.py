"""Sessions in previous engines that cannot be decoded, or whose values this engine cannot store.

A corrupt session reads as absent. A session that cannot be stored stays where it is.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from django.core import signing

from django_multisession.core import keys
from django_multisession.transfer.base import CannotMove
from support import any_engine
from support.old_engines import APPS, cached_at
from support.source_cases import only

pytestmark = pytest.mark.thorough  # hardly depends on versions

ADA = {"_auth_user_id": "7"}
PICKLE = "support.any_engine.PickleSerializer"

GARBAGE = {
    "empty": "",
    "no signature": "garbage",
    "another's signature": signing.dumps({"a": 1}, key="another", salt="any", compress=True),
    "old": "bm8gc2lnbmF0dXJl:e30=",
    "not text": "\u00fc\u2028",
}
with_garbage = pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)


def overwrite(previous, key, text):
    """Store this text in place of what the engine stored for the key."""
    if previous.kind in APPS:
        previous.model.objects.filter(pk=key).update(session_data=text)
    elif previous.kind == "file":
        Path(previous.store(key)._key_to_file()).write_bytes(text.encode())
    elif previous.kind == "redis_sessions":
        store = previous.store(key)
        store.server.set(store.get_real_stored_key(key), text.encode())
    elif previous.kind == "cache":
        cache, name = cached_at(key, previous.store)
        cache.set(name, text)
    else:
        any_engine.KEPT[key] = text


@only("db", "user_sessions", "qsessions", "file", "redis_sessions", "other", "cache")
@with_garbage
def test_garbage_reads_as_absent(previous, session, store, garbage):
    key = previous.keep(**ADA)
    overwrite(previous, key, garbage)
    assert dict(session(key).items()) == {}
    assert store.storage.count() == 0


# Values that SESSION_SERIALIZER cannot encode


@pytest.fixture
def unmovable(previous, settings):
    """The key of a session with a value that JSON cannot encode."""
    settings.SESSION_SERIALIZER = PICKLE
    key = previous.keep(day=datetime.date(2026, 1, 2), **ADA)
    if previous.kind == "cache":
        settings.SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
    return key


@only("cache")
def test_a_session_that_cannot_be_stored_stays_in_the_previous_engine(
    previous, session, store, unmovable, settings
):
    for _ in range(2):
        with pytest.raises(CannotMove, match=r"'day'.*SESSION_SERIALIZER") as error:
            session(unmovable).get("_auth_user_id")
        assert unmovable not in str(error.value)
        assert keys.hash_key(unmovable) in str(error.value)
    assert previous.has(unmovable)
    assert store.storage.count() == 0
    settings.SESSION_SERIALIZER = PICKLE
    assert session(unmovable).get("day") == datetime.date(2026, 1, 2)


@only("db", "cache", "file", "signed_cookies", "other")
def test_with_the_serializer_of_the_previous_engine_the_session_is_moved(
    previous, session, unmovable, settings
):
    settings.SESSION_SERIALIZER = PICKLE
    assert session(unmovable).get("day") == datetime.date(2026, 1, 2)


@only("db", "cache")
def test_a_value_that_cannot_be_a_reference(previous, session, settings):
    """The error names the reference, as when saving such a session does, and the session stays."""
    settings.MULTISESSION_REFERENCES = {"org": "org"}
    key = previous.keep(org=["7"])
    with pytest.raises(ValueError, match="'org'"):
        session(key).get("org")
    assert previous.has(key)
