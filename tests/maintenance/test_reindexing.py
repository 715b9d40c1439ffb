"""The references of stored sessions after MULTISESSION_REFERENCES has changed."""

from __future__ import annotations

from itertools import count

import pytest

from django_multisession import conf, sessions
from django_multisession.backends.memory import SessionStore
from django_multisession.core.record import Change
from django_multisession.maintenance import reindexing
from support.project import install

OLD = {"user": "_auth_user_id"}
NEW = {"user": "_auth_user_id", "org": "org_id", "size": f"{__name__}.cart_size"}


def cart_size(fields):
    return len(fields["cart"]) if "cart" in fields else None


@pytest.fixture
def project(storage, settings, monkeypatch):
    """A project whose sessions are on every storage, in turn."""
    install(storage, settings, monkeypatch)
    settings.MULTISESSION_REFERENCES = OLD
    return settings


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    """A project whose sessions are in memory."""
    install(memory_storage, settings, monkeypatch)
    settings.MULTISESSION_REFERENCES = OLD
    return settings


def made(**data):
    return sessions.create(data=data).handle


def found(name, value):
    return sorted(info.handle for info in sessions.find(name, value))


def test_names_that_are_new_or_gone_or_of_another_field(project):
    both, one = made(_auth_user_id="1", org_id=7, cart=[1, 2]), made(_auth_user_id="2")
    nobody = made(note="nobody's")
    project.MULTISESSION_REFERENCES = NEW
    assert reindexing.reindex() == 1
    assert (found("org", 7), found("size", 2), found("user", 1)) == ([both], [both], [both])
    assert reindexing.reindex() == 0
    project.MULTISESSION_REFERENCES = {"org": "_auth_user_id"}
    assert reindexing.reindex() == 2
    assert (found("org", 7), found("org", 1), found("org", 2)) == ([], [both], [one])
    assert sessions.get(nobody).references == {}
    project.MULTISESSION_REFERENCES = {}
    assert reindexing.reindex() == 2
    assert {str(info.references) for info in sessions.all()} == {"{}"}


def test_a_name_that_is_gone_is_no_longer_in_the_index(project, storage):
    made(_auth_user_id="1")
    project.MULTISESSION_REFERENCES = {}
    reindexing.reindex()
    assert list(storage.find("user", "1")) == []


def test_a_callable_that_answers_otherwise(quick, monkeypatch):
    quick.MULTISESSION_REFERENCES = {"size": f"{__name__}.cart_size"}
    handle = made(cart=[1, 2])
    monkeypatch.setattr(f"{__name__}.cart_size", lambda fields: "many")
    conf.import_setting.cache_clear(), conf.references.cache_clear()
    assert reindexing.reindex() == 1
    assert (found("size", 2), found("size", "many")) == ([], [handle])
    conf.import_setting.cache_clear()


def test_nothing_but_the_references_changes(quick, clock):
    handle = made(_auth_user_id="1", org_id=7)
    before = SessionStore.storage.read(handle)
    clock.advance(minutes=10)
    quick.MULTISESSION_REFERENCES = NEW
    reindexing.reindex()
    after = SessionStore.storage.read(handle)
    assert after == Change(references={"org": "7"}).apply_to(before)


def test_sessions_that_are_over_are_left_to_the_purge(quick, clock):
    handle = sessions.create(data={"org_id": 7}, expires_in=60).handle
    clock.advance(minutes=2)
    quick.MULTISESSION_REFERENCES = NEW
    assert reindexing.reindex() == 0
    assert SessionStore.storage.read(handle).references == {}


def test_every_page_is_looked_at_and_progress_told(quick, clock):
    for number in range(250):
        made(org_id=number)
        clock.advance(seconds=1)
    quick.MULTISESSION_REFERENCES = NEW
    counts = []
    assert reindexing.reindex(progress=counts.append) == 250
    assert counts == [100, 200, 250] * (len(counts) // 3)  # repeated for each pass
    assert all(len(found("org", number)) == 1 for number in range(250))


def test_a_callable_that_never_says_the_same_keeps_nobody_waiting(quick, monkeypatch):
    numbers = count()
    monkeypatch.setattr(f"{__name__}.cart_size", lambda fields: next(numbers))
    quick.MULTISESSION_REFERENCES = NEW
    handle = made(cart=[1])
    reindexing.reindex()
    (size,) = {sessions.get(handle).references["size"]}
    assert found("size", size) == [handle]


# A value that cannot be indexed must not stop the others

WRONG = {"list": [7], "long": "x" * 256, "NUL": "7\0", "dict": {"id": 7}}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_a_value_that_cannot_be_indexed_stops_nothing(quick, clock, value):
    """Such a value could be stored while its field was not a reference."""
    handles = []
    for org_id in (7, value, 7):
        handles.append(made(org_id=org_id))
        clock.advance(minutes=1)
    quick.MULTISESSION_REFERENCES = NEW
    assert reindexing.reindex() == 2
    assert found("org", 7) == sorted([handles[0], handles[2]])


def test_beside_a_value_that_cannot_be_indexed_the_others_are(quick):
    """Otherwise log out everywhere would miss this session."""
    quick.MULTISESSION_REFERENCES = {}
    handle = made(_auth_user_id="1", org_id=[7])
    quick.MULTISESSION_REFERENCES = NEW
    reindexing.reindex()
    assert found("user", 1) == [handle]


def test_a_callable_that_fails_for_one_session_stops_nothing(quick):
    bad, good = made(cart=7), made(cart=[1])
    quick.MULTISESSION_REFERENCES = NEW
    reindexing.reindex()
    assert found("size", 1) == [good]
    assert sessions.get(bad) is not None


def test_a_corrupt_field_stops_nothing(quick):
    bad, good = made(org_id=7), made(org_id=7)
    SessionStore.storage.update(bad, Change(set={"org_id": b"{"}))
    quick.MULTISESSION_REFERENCES = NEW
    assert reindexing.reindex() == 1
    assert found("org", 7) == [good]


def test_whose_field_cannot_be_read_keeps_whose_it_was(quick):
    """A host with a wrong SESSION_SERIALIZER must not remove sessions from the index. Once it is
    corrected, log out everywhere would miss these sessions."""
    handle = made(_auth_user_id="1", org_id=7)
    SessionStore.storage.update(handle, Change(set={"_auth_user_id": b"{"}))
    quick.MULTISESSION_REFERENCES = NEW
    reindexing.reindex()
    assert found("user", 1) == found("org", 7) == [handle]


def test_a_save_beside_a_field_that_cannot_be_read_keeps_whose_it_was(quick):
    """The save keeps the unreadable field, so its reference must stay as well."""
    holder = sessions.create(data={"_auth_user_id": "1"})
    SessionStore.storage.update(holder.handle, Change(set={"_auth_user_id": b"{"}))
    again = SessionStore(holder.session_key)
    again["note"] = 1
    again.save()
    assert found("user", 1) == [holder.handle]


# While the site runs


def test_one_that_is_used_during_every_pass_is_not_missed(quick, clock):
    """The session moves to a page that was read already, and later behind others."""
    holder = sessions.create(data={"org_id": 7})
    others = [sessions.create() for _ in range(150)]
    quick.MULTISESSION_REFERENCES = NEW

    def use(seen):
        clock.advance(minutes=1)
        for each in [holder] if seen == 100 else others:
            SessionStore(each.session_key).touch()

    use(0)
    reindexing.reindex(progress=use)
    assert found("org", 7) == [holder.handle]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_one_that_gets_new_keys_meanwhile_is_not_missed(quick, monkeypatch, times):
    """A request that does not read the session renames it between listing and reading."""
    held = [sessions.create(data={"org_id": 7})]
    quick.MULTISESSION_REFERENCES = NEW
    read = SessionStore.storage.read

    def rotate_first(id, names=None):
        if id == held[-1].handle and len(held) <= times:
            held.append(SessionStore(held[-1].session_key))
            held[-1].cycle_key()
        return read(id, names)

    monkeypatch.setattr(SessionStore.storage, "read", rotate_first)
    reindexing.reindex()
    assert found("org", 7) == [held[-1].handle]


def test_a_login_between_looking_and_writing_wins(quick, monkeypatch):
    holder = sessions.create(data={"org_id": 7})
    quick.MULTISESSION_REFERENCES = NEW
    update, once = SessionStore.storage.update, []

    def log_in_first(id, change):
        if not once:
            once.append(True)
            other = SessionStore(holder.session_key)
            other.update({"_auth_user_id": "1", "org_id": 8})
            other.save()
        return update(id, change)

    monkeypatch.setattr(SessionStore.storage, "update", log_in_first)
    reindexing.reindex()
    assert (found("user", 1), found("org", 8)) == ([holder.handle], [holder.handle])
    assert found("org", 7) == []
