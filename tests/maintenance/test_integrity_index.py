"""Inconsistent sessions: `checksessions` finds and repairs them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession import sessions, signals
from django_multisession.core.expiry import utcnow
from django_multisession.core.record import Change, Record
from django_multisession.models import SessionReference
from django_multisession.storage.dynamodb import encoding
from support.integrity_cases import found, opened, report
from support.project import hearing

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django


@pytest.fixture
def engine(storage, settings, monkeypatch):
    return opened(storage, settings, monkeypatch)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    return opened(memory_storage, settings, monkeypatch)


def made(number=1, org=7):
    many = [sessions.create(data={"_auth_user_id": "1", "org_id": org}) for _ in range(number)]
    return [holder.handle for holder in many]


def listed(name="org", value=7):
    return {info.handle for info in sessions.find(name, value)}


def forget(storage, name, value, handle):
    """Remove a session from the index only. Return False if the storage has no separate index."""
    kind = type(storage).__name__
    if kind == "DatabaseStorage":
        rows = SessionReference.objects.using(storage.database).filter(
            name=name, session__handle=handle
        )
        return rows.delete()[0] == 1
    if kind == "RedisStorage":
        key = storage.keys.reference(f"{name}={value}")
        return storage.topology.client().zrem(key, handle) == 1
    if kind == "DynamoDBStorage":
        request = {"TableName": storage.table.name, "Key": encoding.entry_key(name, value, handle)}
        storage.connection.call("delete_item", request)
        return True
    return False


def unlisted(storage, number=1):
    """Create sessions of which the index lacks the first ``number``. Return all handles."""
    handles = made(number + 2)
    if not all(forget(storage, "org", "7", handle) for handle in handles[:number]):
        pytest.skip("The records are the index.")
    assert listed() == {*handles[number:]}
    return handles


def test_what_the_index_lacks_is_found_and_put_right(engine):
    missing, *others = unlisted(engine)
    result, (finding,) = report(engine)
    assert (finding.name, result.looked_at, result.repaired) == ("index", 3, 0)
    assert "1 session" in finding.problem
    assert missing in finding.problem
    assert "--repair" in finding.remedy
    assert listed() == {*others}
    before = {handle: engine.read(handle) for handle in [missing, *others]}
    with hearing(signals.session_ended) as ended:
        result, findings = report(engine, repair=True)
    assert (findings, result.repaired, ended) == ([], 1, [])
    assert listed() == listed("user", 1) == {missing, *others}
    assert {handle: engine.read(handle) for handle in [missing, *others]} == before
    result, findings = report(engine, repair=True)
    assert (findings, result.repaired) == ([], 0)


def test_what_was_put_right_is_ended_everywhere(engine):
    unlisted(engine, 2)
    assert report(engine, repair=True, full=True)[0].repaired == 2
    assert sessions.end_matching("org", 7) == 4
    assert engine.count() == 0


def test_an_index_that_says_something_else(database_storage, settings, monkeypatch):
    storage = opened(database_storage, settings, monkeypatch)
    (handle,) = made()
    rows = SessionReference.objects.using(storage.database).filter(session__handle=handle)
    assert rows.update(value="8") == 1
    assert found(storage) == ["index"]
    assert report(storage, repair=True)[0].repaired == 1
    assert (listed("org", 7), listed("org", 8)) == ({handle}, set())
    assert found(storage) == []


def test_references_that_are_not_what_the_fields_say(engine, settings):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id"}
    handles = made(3)
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    result, (finding,) = report(engine)
    assert (finding.name, result.repaired) == ("references", 0)
    assert "3 sessions" in finding.problem
    assert "reindexsessions" in finding.remedy
    assert listed() == set()
    result, findings = report(engine, repair=True)
    assert (findings, result.repaired) == ([], 3)
    assert listed() == listed("user", 1) == {*handles}
    result, findings = report(engine, repair=True)
    assert (findings, result.repaired) == ([], 0)


def test_both_at_once(engine, settings):
    """One run repairs both problems and reports nothing else."""
    first, *_ = unlisted(engine)
    settings.MULTISESSION_REFERENCES = {**settings.MULTISESSION_REFERENCES, "team": "team_id"}
    engine.update(first, Change(set={"team_id": b"5"}))
    _, findings = report(engine, repair=True)
    assert findings == []
    assert first in listed()
    assert listed("team", 5) == {first}
    assert found(engine) == []


def test_a_field_that_cannot_be_decoded(engine):
    handle, other = made(2)
    engine.update(handle, Change(set={"note": b"{", "org_id": b"["}))
    for repair in (False, True):
        result, findings = report(engine, repair=repair)
        assert [finding.name for finding in findings] == ["corrupt"] * 2
        texts = " ".join(finding.problem for finding in findings)
        assert all(word in texts for word in ("'note'", "'org_id'", handle))
        assert other not in texts
        assert result.repaired == 0
    assert engine.read(handle).fields["note"] == b"{"
    assert listed() == {handle, other}


def test_nobody_is_told_of_values(quick):
    (handle,) = made()
    quick.update(handle, Change(set={"note": b'{"secret'}))
    assert "secret" not in str(report(quick))


def test_of_many_three_are_named(quick, settings):
    settings.MULTISESSION_REFERENCES = {}
    handles = made(1200)
    settings.MULTISESSION_REFERENCES = {"org": "org_id"}
    _, (finding,) = report(quick, full=True)
    assert finding.problem.startswith("The references of 1,200 sessions (")
    assert sum(handle in finding.problem for handle in handles) == 3


# Sample and --full


def test_a_sample(quick):
    made(20)
    result, _ = report(quick, sample=5)
    assert (result.looked_at, result.about) == (5, 20)
    result, _ = report(quick, full=True, sample=5)
    assert (result.looked_at, result.about) == (20, 20)


def test_with_full_every_page_is_looked_at(quick, settings):
    settings.MULTISESSION_REFERENCES = {}
    made(250)
    settings.MULTISESSION_REFERENCES = {"org": "org_id"}
    result, _ = report(quick, sample=10, repair=True)
    assert (result.looked_at, result.repaired) == (10, 10)
    seen = []
    result, _ = report(quick, full=True, repair=True, progress=seen.append)
    assert (result.looked_at, result.repaired, len(listed())) == (250, 240, 250)
    assert seen == [*range(1, 251)]


def test_those_that_are_over_are_left_to_the_purge(quick):
    now = utcnow()
    over = Record(created_at=now, last_seen_at=now, expires_at=now - timedelta(minutes=1))
    quick.insert("A" * 43, over)
    result, findings = report(quick, full=True, repair=True)
    assert (findings, result.looked_at) == ([], 0)


def test_the_index_of_one_user_is_read_once(quick, monkeypatch):
    made(50)
    asked, find = [], quick.find
    monkeypatch.setattr(quick, "find", lambda *item: (asked.append(item), find(*item))[1])
    report(quick, full=True)
    assert [item for item in asked if item[1] in "17"] == [("user", "1"), ("org", "7")]
