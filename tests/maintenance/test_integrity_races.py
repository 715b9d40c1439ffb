"""`checksessions` while the site runs: sessions that change or end meanwhile are left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession import sessions
from django_multisession.backends.memory import SessionStore
from django_multisession.core.record import Change
from support.integrity_cases import opened, report

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

LATER = timedelta(days=30)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    return opened(memory_storage, settings, monkeypatch)


def made(**more):
    return sessions.create(data={"_auth_user_id": "1", "org_id": 7, **more})


def lose_index(storage, monkeypatch):
    monkeypatch.setattr(storage, "find", lambda name, value: iter(()))


def meanwhile(storage, monkeypatch, verb, action, id):
    """Run the action once, just before the verb is called for the session."""
    whole, done = getattr(storage, verb), []

    def call(handle, *args, **kwargs):
        if handle == id and not done:
            done.append(True)
            action()
        return whole(handle, *args, **kwargs)

    monkeypatch.setattr(storage, verb, call)
    return done


def repair_during(storage, monkeypatch, holder, action, verb="update"):
    done = meanwhile(storage, monkeypatch, verb, action, holder.handle)
    with monkeypatch.context() as patch:
        # The self-test would find the index broken.
        patch.setattr("django_multisession.maintenance.integrity.SELF_TESTS", 0)
        result = report(storage, repair=True)
    assert done
    return result


@pytest.mark.parametrize("verb", ["read", "update"])
def test_one_that_is_used_meanwhile_lives_on(quick, monkeypatch, verb):
    """A request has extended the session; the repair keeps the new expiry."""
    holder = made()
    end = quick.read(holder.handle).expires_at + LATER
    update = quick.update

    def touch():
        update(holder.handle, Change(expires_at=end, last_seen_at=quick.clock()))

    lose_index(quick, monkeypatch)
    repair_during(quick, monkeypatch, holder, touch, verb)
    assert quick.read(holder.handle).expires_at == end


@pytest.mark.parametrize("verb", ["read", "update"])
def test_one_that_is_moved_to_another_owner_meanwhile_is_theirs(quick, monkeypatch, verb):
    holder = made()
    update = quick.update

    def move():
        change = Change(set={"org_id": b"8"}, references={"org": "8"})
        update(holder.handle, change)

    with monkeypatch.context() as patch:
        lose_index(quick, patch)
        repair_during(quick, patch, holder, move, verb)
    assert quick.read(holder.handle).references == {"user": "1", "org": "8"}


@pytest.mark.parametrize("verb", ["read", "update"])
def test_a_login_while_references_are_repaired_wins(quick, settings, monkeypatch, verb):
    """The login wins, as it does during reindexing."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id"}
    holder = made()
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    update = quick.update

    def move():
        other = SessionStore(holder.session_key)
        with monkeypatch.context() as patch:
            patch.setattr(quick, "update", update)
            other["org_id"] = 8
            other.save()

    with monkeypatch.context() as patch:
        repair_during(quick, patch, holder, move, verb)
    assert quick.read(holder.handle).references == {"user": "1", "org": "8"}
    assert [info.handle for info in sessions.find("org", 8)] == [holder.handle]


@pytest.mark.parametrize("verb", ["read", "update"])
def test_one_that_ends_meanwhile_is_not_brought_back(quick, monkeypatch, verb):
    holder, other = made(), made()
    with monkeypatch.context() as patch:
        lose_index(quick, patch)
        result, findings = repair_during(
            quick, patch, holder, lambda: sessions.end(holder.handle), verb
        )
    assert (findings, result.repaired) == ([], 1)
    assert [info.handle for info in sessions.all()] == [other.handle]


@pytest.mark.parametrize("verb", ["read", "update"])
def test_one_that_gets_another_key_meanwhile_keeps_it(quick, monkeypatch, verb):
    holder = made()
    rotated = SessionStore(holder.session_key)
    with monkeypatch.context() as patch:
        lose_index(quick, patch)
        _, findings = repair_during(quick, patch, holder, rotated.cycle_key, verb)
    assert findings == []
    assert [info.handle for info in sessions.all()] == [rotated.handle]


@pytest.mark.parametrize("action", ["end", "move"])
def test_what_happens_between_two_looks_is_no_fault(quick, monkeypatch, action):
    """The session ends or moves after its record was read, before the index is read."""
    holder = made()
    find, read = quick.find, quick.read

    def act():
        if action == "end":
            return sessions.end(holder.handle)
        return quick.update(holder.handle, Change(set={"org_id": b"8"}, references={"org": "8"}))

    def find_later(name, value):
        if (name, value) == ("org", "7") and read(holder.handle) == before:
            act()
        return find(name, value)

    before = read(holder.handle)
    monkeypatch.setattr(quick, "find", find_later)
    assert report(quick)[1] == []
    assert read(holder.handle) != before


def test_a_new_session_of_a_user_who_was_looked_at_is_no_fault(quick):
    """The copy of the user's index entries is older than the session."""
    made(), made()
    result, findings = report(quick, full=True, progress=lambda seen: seen == 1 and made())
    assert findings == []
    assert result.looked_at == 2
