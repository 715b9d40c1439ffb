"""`previous_engines`: what a session object asks of them, and when, in both dialects."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.session import PreviousEngines
from support.subjects import make_record


class RecordingEngines(PreviousEngines):
    """Previous engines that record their calls, and have the sessions in ``records`` by token."""

    def __init__(self):
        self.calls, self.records = [], {}

    def key_for(self, token):
        self.calls.append(("key_for", token))
        return keys.derive_key(token) if token in self.records else None

    def migrate(self, storage, handle, token):
        self.calls.append(("migrate", handle, token))
        record = self.records.pop(token, None)
        if record is not None:
            storage.insert(handle, record)
        return record

    async def amigrate(self, storage, handle, token):
        self.calls.append(("migrate", handle, token))
        record = self.records.pop(token, None)
        if record is not None:
            await storage.ainsert(handle, record)
        return record

    def note_ended(self, storage, handle):
        self.calls.append(("note_ended", handle))

    async def anote_ended(self, storage, handle):
        self.note_ended(storage, handle)

    def delete(self, handle, token):
        self.calls.append(("delete", handle, token))

    async def adelete(self, handle, token):
        self.delete(handle, token)


@pytest.fixture
def engines(store, monkeypatch):
    """The previous engines of ``store``, which record their calls."""
    engines = RecordingEngines()
    monkeypatch.setattr(store, "previous_engines", engines)
    return engines


@pytest.fixture
def key(engines, clock):
    """The key of a session that only a previous engine has."""
    key = keys.new_key()
    engines.records[key] = make_record(clock, fields={"cart": b"[1]"})
    return key


class TestDefault:
    """`PreviousEngines` itself knows of no engine."""

    def test_it_has_no_session_and_does_nothing(self, memory_storage, dialect):
        engines, key = dialect(PreviousEngines()), keys.new_key()
        handle = keys.hash_key(key)
        assert PreviousEngines().key_for(key) is None
        assert engines.migrate(memory_storage, handle, key) is None
        assert engines.note_ended(memory_storage, handle) is None
        assert engines.delete(handle, key) is None
        assert memory_storage.count() == 0


class TestCalls:
    def test_a_stored_session_is_not_looked_for(self, engines, session):
        holder = session()
        holder.update({"cart": [2]})
        holder.save()
        assert session(holder.subject.session_key).get("cart") == [2]
        assert engines.calls == []

    def test_an_unstored_session_is_migrated(self, engines, session, key):
        assert session(key).get("cart") == [1]
        assert session(key).get("cart") == [1]
        assert engines.calls == [("migrate", keys.hash_key(key), key)]

    def test_the_old_key_is_noted_when_the_session_gets_a_new_one(self, engines, session, key):
        session(key).cycle_key()
        handle = keys.hash_key(key)
        assert engines.calls == [("migrate", handle, key), ("note_ended", handle)]

    @pytest.mark.parametrize("verb", ["flush", "delete"])
    def test_an_unread_session_is_deleted_where_it_is(self, engines, session, key, verb):
        getattr(session(key), verb)()
        handle = keys.hash_key(key)
        assert engines.calls == [("note_ended", handle), ("delete", handle, key)]

    @pytest.mark.parametrize("verb", ["flush", "delete"])
    def test_a_stored_session_is_noted_only(self, engines, session, verb):
        holder = session()
        holder.save()
        handle = holder.subject.handle
        getattr(holder, verb)()
        assert engines.calls == [("note_ended", handle)]

    def test_ending_by_handle_notes_it(self, engines, store, dialect):
        handle = keys.hash_key(keys.new_key())
        assert dialect(store).end(handle, "ended") is False
        assert engines.calls == [("note_ended", handle)]


class TestTokens:
    """A cookie that is not a key may hold the session itself."""

    TOKEN = "signed:cookie"

    def test_the_session_gets_a_key_and_the_client_is_sent_it(self, engines, session, clock):
        engines.records[self.TOKEN] = make_record(clock, fields={"cart": b"[1]"})
        holder = session(self.TOKEN)
        key = keys.derive_key(self.TOKEN)
        assert holder.subject.session_key == key
        assert not holder.subject.modified
        assert holder.get("cart") == [1]
        assert holder.subject.modified
        assert ("migrate", keys.hash_key(key), self.TOKEN) in engines.calls

    def test_an_unknown_token_is_dropped(self, engines, session):
        holder = session(self.TOKEN)
        assert holder.subject.session_key is None
        assert dict(holder.items()) == {}
        assert engines.calls == [("key_for", self.TOKEN)]

    def test_a_key_is_not_taken_for_a_token(self, engines, session):
        session(keys.new_key())
        assert engines.calls == []
