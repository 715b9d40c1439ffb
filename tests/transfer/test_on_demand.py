"""Sessions that come from elsewhere: each way of asking for one, in both dialects."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.session import SessionGone
from support.previous_engine import Outage
from support.project import as_spoken, store_on
from support.subjects import make_record

ADA = {"_auth_user_id": b'"7"', "cart": b"[1]"}
REFERENCES = {"user": "7"}


@pytest.fixture
def kept(elsewhere, clock):
    """``kept()``: the key of another session there."""
    return lambda: elsewhere.keep(make_record(clock, fields=ADA, references=REFERENCES))


class TestWhoeverAsks:
    def test_load(self, kept, session):
        assert dict(session(kept()).items()) == {"_auth_user_id": "7", "cart": [1]}

    def test_get_fields(self, kept, session, store):
        assert session(kept()).get_fields("cart", "absent") == {"cart": [1]}
        assert store.storage.count() == 1

    def test_exists(self, kept, session):
        key = kept()
        assert session().exists(key)
        assert session().exists(key)
        assert not session().exists(keys.new_key())

    def test_touch(self, kept, session, clock):
        holder = session(kept())
        clock.advance(minutes=5)
        assert holder.touch() is True
        assert holder.last_seen_at() == clock.now
        assert session(keys.new_key()).touch() is False

    def test_a_new_key_unread(self, kept, session, elsewhere):
        key = kept()
        holder = session(key)
        holder.cycle_key()
        new = holder.subject.session_key
        assert new not in (None, key)
        assert session(new).get("cart") == [1]
        assert dict(session(key).items()) == {}
        assert elsewhere.count() == 0

    def test_a_new_key_for_an_unknown_one(self, elsewhere, session):
        key = keys.new_key()
        holder = session(key)
        holder.cycle_key()
        holder.update({"a": 1})
        holder.save()
        assert holder.subject.session_key != key

    @pytest.mark.parametrize("verb", ["flush", "delete"])
    def test_ending_unread(self, kept, session, elsewhere, store, verb):
        key = kept()
        getattr(session(key), verb)()
        assert elsewhere.count() == 0
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0

    def test_reload(self, kept, session):
        holder = session(kept())
        holder.reload()
        assert holder.get("cart") == [1]
        with pytest.raises(SessionGone):
            session(keys.new_key()).reload()

    def test_save(self, kept, session):
        key = kept()
        holder = session(key)
        holder.update({"name": "ada"})
        holder.save()
        assert dict(session(key).items()) == {"_auth_user_id": "7", "cart": [1], "name": "ada"}

    def test_save_of_what_was_cleared_unread(self, kept, session):
        key = kept()
        holder = session(key)
        holder.subject.clear()
        holder.update({"name": "ada"})
        holder.save()
        assert dict(session(key).items()) == {"name": "ada"}

    def test_one_that_is_over_does_not_come(self, kept, session, clock, store):
        key = kept()
        clock.advance(days=15)
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0


def test_it_comes_to_every_storage(storage, elsewhere, clock, api):
    key = elsewhere.keep(make_record(clock, fields=ADA, references=REFERENCES))
    holder = as_spoken(api, store_on(storage)(key))
    assert holder.get("cart") == [1]
    assert [info.handle for info in api.for_user(7)] == [keys.hash_key(key)]
    assert elsewhere.count() == 0
    assert api.log_out_everywhere(7) == 1
    again = elsewhere.keep(make_record(clock, fields=ADA, references=REFERENCES))
    assert as_spoken(api, store_on(storage)(again)).get("cart") is None


class TestOutage:
    """It is raised, and the key is not taken for an unknown one."""

    @pytest.mark.parametrize("verb", ["load", "touch", "cycle_key", "get_fields"])
    def test_of_the_source(self, kept, session, elsewhere, store, verb):
        key = kept()
        elsewhere.broken = {"find": Outage(), "remove": Outage()}
        holder = session(key)
        with pytest.raises(Outage):
            getattr(holder, verb)(*(["cart"] if verb == "get_fields" else []))
        assert holder.subject.session_key == key
        assert store.storage.count() == 0
        elsewhere.broken = {}
        assert session(key).get("cart") == [1]

    def test_one_that_cannot_be_removed_comes(self, kept, session, elsewhere, store, caplog):
        key = kept()
        elsewhere.broken = {"remove": Outage("no server")}
        for _ in range(2):
            assert session(key).get("cart") == [1]
        assert keys.hash_key(key) in caplog.text
        assert key not in caplog.text
        assert store.storage.count() == 1
