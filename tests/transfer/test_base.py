"""`base`: the contract of a source, and the records made of the dicts of other engines."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.utils.timezone import get_default_timezone

from django_multisession.core import expiry, keys
from django_multisession.transfer.base import CannotMove, NotListable, Source, aware, record_of

UTC = timezone.utc
ADA = {"_auth_user_id": "7", "cart": [1]}
HANDLE = "A" * 43
AGE = timedelta(days=14)  # SESSION_COOKIE_AGE


class OneSession(Source):
    """A source that has one session, and only the methods that every source must have."""

    unlistable_reason = "It has no list"

    def find(self, name):
        return record_of(ADA, keys.hash_key(name)) if name == self.store else None

    def remove(self, name):
        return name == self.store


@pytest.fixture
def now(monkeypatch):
    """The time by which records are made."""
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(expiry, "utcnow", lambda: now)
    return now


class TestSource:
    def test_keys_may_be_in_it_and_handles_may_not(self):
        source = OneSession("some.engine", "")
        assert source.may_have(keys.new_key())
        assert not source.may_have(HANDLE)
        assert not source.may_have("")

    def test_without_a_list_the_error_names_the_engine_and_the_reason(self):
        source = OneSession("some.engine", "")
        for verb in (source.iterate, source.count):
            with pytest.raises(NotListable, match=r"^It has no list \(some\.engine\)\.$"):
                verb()

    def test_check_passes_where_nothing_is_needed(self):
        OneSession("some.engine", "").check()

    def test_the_verbs_in_both_dialects(self, dialect):
        key = keys.new_key()
        source = dialect(OneSession("some.engine", key))
        assert source.find(key).references == {"user": "7"}
        assert source.find(keys.new_key()) is None
        assert [source.remove(key), source.remove(keys.new_key())] == [True, False]


class TestRecordOf:
    def test_fields_are_encoded_and_references_computed(self):
        record = record_of(ADA, HANDLE)
        assert record.fields == {"_auth_user_id": b'"7"', "cart": b"[1]"}
        assert record.references == {"user": "7"}

    def test_an_empty_session_has_no_record(self):
        assert record_of({}, HANDLE) is None

    def test_without_times_it_is_seen_and_created_now(self, now):
        record = record_of(ADA, HANDLE)
        assert (record.created_at, record.last_seen_at) == (now, now)
        assert record.expires_at == now + AGE

    def test_the_last_use_is_derived_from_the_expiry(self, now):
        record = record_of(ADA, HANDLE, expires_at=now + timedelta(days=4))
        assert record.last_seen_at == record.created_at == now - timedelta(days=10)

    def test_the_expiry_is_derived_from_the_last_use(self, now):
        seen_at = now - timedelta(days=1)
        assert record_of(ADA, HANDLE, seen_at=seen_at).expires_at == seen_at + AGE

    def test_no_time_is_in_the_future_and_creation_comes_first(self, now):
        later = now + timedelta(hours=1)
        record = record_of(ADA, HANDLE, seen_at=later, created_at=later)
        assert (record.created_at, record.last_seen_at) == (now, now)

    def test_an_expired_session_has_no_record(self, now):
        assert record_of(ADA, HANDLE, expires_at=now) is None
        assert record_of(ADA, HANDLE, seen_at=now - AGE) is None

    def test_the_absolute_age_counts_from_the_creation(self, now, settings):
        settings.MULTISESSION_ABSOLUTE_AGE = 3600
        created_at = now - timedelta(minutes=50)
        record = record_of(ADA, HANDLE, seen_at=now, created_at=created_at)
        assert record.expires_at == now + timedelta(minutes=10)
        assert record_of(ADA, HANDLE, seen_at=now, created_at=now - timedelta(hours=1)) is None

    def test_a_custom_expiry_counts_from_the_last_use(self, now):
        data = {**ADA, expiry.CUSTOM: 600}
        assert record_of(data, HANDLE).expires_at == now + timedelta(minutes=10)

    @pytest.mark.parametrize("custom", ["tomorrow", [1], {}])
    def test_a_custom_expiry_that_cannot_be_read_is_ignored(self, now, custom):
        assert record_of({**ADA, expiry.CUSTOM: custom}, HANDLE).expires_at == now + AGE

    def test_the_client_is_cleaned(self):
        record = record_of(ADA, HANDLE, ip="2001:DB8::1", user_agent="Fire\0fox")
        assert record.ip == "2001:db8::1"
        assert "\0" not in record.user_agent
        assert record_of(ADA, HANDLE, ip="not an IP address").ip is None

    def test_a_field_that_cannot_be_encoded_is_named(self):
        with pytest.raises(CannotMove, match=rf"'bad' of session {HANDLE}.*SESSION_SERIALIZER"):
            record_of({**ADA, "bad": object()}, HANDLE)


class TestAware:
    def test_a_time_with_a_zone_is_converted(self):
        berlin = datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=2)))
        assert aware(berlin) == datetime(2026, 6, 1, 10, tzinfo=UTC)
        assert aware(berlin).tzinfo is UTC

    def test_a_naive_time_is_local_time(self):
        naive = datetime(2026, 6, 1, 12)
        assert aware(naive) == naive.replace(tzinfo=get_default_timezone())
