"""`on_demand`: the methods of a session object that move its session, in both dialects."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.session import SessionGone
from support.previous_engine import Outage
from support.project import as_spoken, store_on


class TestMethods:
    """A method that needs the session moves it; one that ends it deletes it at the source."""

    def test_load(self, store_at_source, session):
        assert dict(session(store_at_source()).items()) == {"_auth_user_id": "7", "cart": [1]}

    def test_get_fields(self, store_at_source, session, store):
        assert session(store_at_source()).get_fields("cart", "absent") == {"cart": [1]}
        assert store.storage.count() == 1

    def test_exists(self, store_at_source, session):
        key = store_at_source()
        assert session().exists(key)
        assert session().exists(key)
        assert not session().exists(keys.new_key())

    def test_touch(self, store_at_source, session, clock):
        holder = session(store_at_source())
        clock.advance(minutes=5)
        assert holder.touch() is True
        assert holder.last_seen_at() == clock.now
        assert session(keys.new_key()).touch() is False

    def test_a_new_key_unread(self, store_at_source, session, source):
        key = store_at_source()
        holder = session(key)
        holder.cycle_key()
        new = holder.subject.session_key
        assert new not in (None, key)
        assert session(new).get("cart") == [1]
        assert dict(session(key).items()) == {}
        assert source.count() == 0

    def test_a_new_key_for_an_unknown_one(self, source, session):
        key = keys.new_key()
        holder = session(key)
        holder.cycle_key()
        holder.update({"a": 1})
        holder.save()
        assert holder.subject.session_key != key

    @pytest.mark.parametrize("verb", ["flush", "delete"])
    def test_ending_unread(self, store_at_source, session, source, store, verb):
        key = store_at_source()
        getattr(session(key), verb)()
        assert source.count() == 0
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0

    def test_reload(self, store_at_source, session):
        holder = session(store_at_source())
        holder.reload()
        assert holder.get("cart") == [1]
        with pytest.raises(SessionGone):
            session(keys.new_key()).reload()

    def test_save(self, store_at_source, session):
        key = store_at_source()
        holder = session(key)
        holder.update({"name": "ada"})
        holder.save()
        assert dict(session(key).items()) == {"_auth_user_id": "7", "cart": [1], "name": "ada"}

    def test_save_of_a_session_that_was_cleared_unread(self, store_at_source, session):
        key = store_at_source()
        holder = session(key)
        holder.subject.clear()
        holder.update({"name": "ada"})
        holder.save()
        assert dict(session(key).items()) == {"name": "ada"}

    def test_an_expired_session_is_not_moved(self, store_at_source, session, clock, store):
        key = store_at_source()
        clock.advance(days=15)
        assert dict(session(key).items()) == {}
        assert store.storage.count() == 0


def test_a_session_is_moved_to_every_storage(storage, source, store_at_source, api):
    key = store_at_source()
    holder = as_spoken(api, store_on(storage)(key))
    assert holder.get("cart") == [1]
    assert [info.handle for info in api.for_user(7)] == [keys.hash_key(key)]
    assert source.count() == 0
    assert api.log_out_everywhere(7) == 1
    assert as_spoken(api, store_on(storage)(store_at_source())).get("cart") is None


class TestOutage:
    """An outage of the previous engine is raised, and the key is not taken for an unknown one."""

    @pytest.mark.parametrize("verb", ["load", "touch", "cycle_key", "get_fields"])
    def test_of_reading(self, store_at_source, session, source, store, verb):
        key = store_at_source()
        source.broken = {"find": Outage(), "remove": Outage()}
        holder = session(key)
        with pytest.raises(Outage):
            getattr(holder, verb)(*(["cart"] if verb == "get_fields" else []))
        assert holder.subject.session_key == key
        assert store.storage.count() == 0
        source.broken = {}
        assert session(key).get("cart") == [1]

    def test_of_removing_is_logged_and_the_session_is_moved(
        self, store_at_source, session, source, store, caplog
    ):
        key = store_at_source()
        source.broken = {"remove": Outage("no server")}
        for _ in range(2):
            assert session(key).get("cart") == [1]
        assert keys.hash_key(key) in caplog.text
        assert key not in caplog.text
        assert store.storage.count() == 1
