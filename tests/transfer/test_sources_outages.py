"""A source whose server is not there: it raises, and never looks like an unknown session."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.cache import caches
from django.db import DatabaseError, connection
from redis.exceptions import ConnectionError

from django_multisession.core import keys
from django_multisession.storage.redis import RedisStorage
from support import old_engines
from support.old_engines import use_cache, use_folder, use_redis
from support.outages import FAST, nowhere
from support.redis_servers import Node
from support.servers import HOST, Postgres, free_port, running
from support.subjects import Clock

pytestmark = pytest.mark.thorough  # hardly a matter of versions

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def old(relations, request):
    yield from old_engines.opened(request.param, request)


def only(*kinds):
    return pytest.mark.parametrize("old", kinds, indirect=True)


def is_raised(session, store, key, error):
    for verb in ("load", "touch", "cycle_key"):
        holder = session(key)
        with pytest.raises(error):
            getattr(holder, verb)()
        assert holder.subject.session_key == key
    with pytest.raises(error):
        session().exists(key)
    assert store.storage.count() == 0


TABLES = ["db", "cached_db", "user_sessions", "qsessions"]


@only(*TABLES)
def test_a_missing_table(old, session, store):
    key, table = old.keep(**ADA), old.model._meta.db_table
    rename(table, "away")
    is_raised(session, store, key, DatabaseError)
    rename("away", table)
    assert session(key).get("cart") == [1]


def rename(table, name):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


@only("db")
def test_a_database_that_is_not_there(old, session, store, monkeypatch):
    key = old.keep(**ADA)
    entry = Postgres()._entry(HOST, free_port(), "nobody", "")
    with nowhere(entry, monkeypatch) as alias, monkeypatch.context() as there:
        there.setattr(old_engines.Router, "alias", alias)
        is_raised(session, store, key, DatabaseError)
    assert session(key).get("cart") == [1]


@only("cache")
def test_a_cache_that_is_not_there(old, session, store, settings):
    key, prefix = old.keep(**ADA), caches["before"].key_prefix
    use_cache(settings, LOCATION=f"redis://{HOST}:{free_port()}", KEY_PREFIX=prefix)
    is_raised(session, store, key, ConnectionError)


@only("redis_sessions")
def test_redis_that_is_not_there(old, session, store, settings, monkeypatch):
    key = old.keep(**ADA)
    use_redis(f"redis://{HOST}:{free_port()}", settings, monkeypatch)
    is_raised(session, store, key, ConnectionError)


@only("ours_redis")
def test_one_of_ours_that_is_not_there(old, session, store, monkeypatch):
    url = f"redis://{HOST}:{free_port()}"
    monkeypatch.setattr(old.store, "storage", RedisStorage(url=url, options=FAST, clock=Clock()))
    is_raised(session, store, keys.new_key(), ConnectionError)


@pytest.mark.thorough
@only("cache")
def test_it_goes_away_and_comes_back(old, session, store, settings):
    with running(Node("--appendonly", "yes")) as server:
        use_cache(settings, LOCATION=server.url)
        key = old.keep(**ADA)
        server.kill()
        is_raised(session, store, key, ConnectionError)
        server.start()
        assert session(key).get("cart") == [1]


# Files


@contextmanager
def unprivileged():
    """Root may read and delete everything."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def folder(settings, monkeypatch):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        use_folder(folder, settings, monkeypatch)
        yield folder
        folder.chmod(0o755)


@only("file")
def test_a_folder_that_may_not_be_read(old, session, store, folder):
    key = old.keep(**ADA)
    folder.chmod(0)
    with unprivileged():
        is_raised(session, store, key, PermissionError)
    folder.chmod(0o755)
    assert session(key).get("cart") == [1]


@only("file")
def test_a_folder_that_is_gone(old, session, store, folder):
    """A mount that is lost, for example. Django's engine has looked for it before."""
    key, away = old.keep(**ADA), folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    try:
        is_raised(session, store, key, Exception)
    finally:
        away.rename(folder)
    assert session(key).get("cart") == [1]


@only("file")
def test_a_folder_where_nothing_may_be_deleted(old, session, store, folder, caplog):
    """Its session comes, and what is logged shows no key: the names of the files do."""
    key = old.keep(**ADA)
    Path(old.store(key)._key_to_file()).chmod(0o644)
    folder.chmod(0o555)
    with unprivileged():
        assert session(key).get("cart") == [1]
        assert session(key).get("cart") == [1]
    assert keys.hash_key(key) in caplog.text
    assert key not in caplog.text
