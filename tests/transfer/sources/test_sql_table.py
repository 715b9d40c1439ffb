"""`sources.sql_table`: Django's table of sessions, and those of other packages."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from django.db import DatabaseError, connection

from django_multisession.transfer.sources import sql_table
from support import old_engines
from support.old_engines import TABLES, cached_at
from support.outages import nowhere
from support.servers import HOST, Postgres, free_port
from support.source_cases import assert_every_method_raises, only

UTC = timezone.utc
ADA = {"_auth_user_id": "7", "cart": [1], "name": "\u00fc"}
SQL_ENGINES = [kind for kind in TABLES if kind not in {"postgres", "mariadb"}]


@only(*SQL_ENGINES)
def test_a_session_is_found_and_removed_once(previous):
    key = previous.keep(**ADA)
    assert previous.source.find(key).fields["cart"] == b"[1]"
    assert [previous.source.remove(key), previous.source.remove(key)] == [True, False]
    assert previous.source.find(key) is None


@only("db", "user_sessions", "qsessions")
def test_sessions_are_listed_in_batches(previous, monkeypatch):
    monkeypatch.setattr(sql_table, "BATCH", 2)
    stored = {previous.keep(**ADA) for _ in range(5)}
    expired = previous.keep(**ADA)
    previous.model.objects.filter(pk=expired).update(expire_date=datetime(2026, 1, 1, tzinfo=UTC))
    listed = dict(previous.source.iterate())
    assert listed.keys() == stored
    assert {read().fields["cart"] for read in listed.values()} == {b"[1]"}
    assert previous.source.count() == 5


@only("db")
def test_a_session_may_be_removed_while_sessions_are_listed(previous, monkeypatch):
    monkeypatch.setattr(sql_table, "BATCH", 2)
    stored = {previous.keep(**ADA) for _ in range(5)}
    listed = []
    for name, _ in previous.source.iterate():
        listed.append(name)
        previous.source.remove(name)
    assert sorted(listed) == sorted(stored)


@only("cached_db", "qsessions_cached_db")
def test_a_removed_session_is_not_left_in_the_cache(previous):
    key = previous.keep(**ADA)
    cache, name = cached_at(key, previous.store)
    assert cache.get(name) is not None
    previous.source.remove(key)
    assert cache.get(name) is None


@only("db")
def test_check_raises_if_the_app_is_not_installed(previous, settings):
    previous.source.check()
    installed = settings.INSTALLED_APPS
    settings.INSTALLED_APPS = [app for app in installed if app != "django.contrib.sessions"]
    with pytest.raises(LookupError, match="sessions"):
        previous.source.check()
    settings.INSTALLED_APPS = installed


# Columns that some tables have


def keep_with_client(previous, **data):
    """Store a session of a known client, and return its key."""
    holder = previous.store(user_agent="Firefox", ip="192.0.2.1")
    for name, value in data.items():
        holder[name] = value
    holder.save()
    return holder.session_key


stores_clients = only("user_sessions", "qsessions", "qsessions_cached_db")


@stores_clients
@pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])
def test_the_client_and_the_times_are_moved(previous, session, store, settings, use_tz):
    settings.USE_TZ = use_tz
    key = keep_with_client(previous, name="ada")
    zone = UTC if use_tz else None
    seen_at, created_at = (datetime(2026, 1, day, 12, tzinfo=zone) for day in (2, 1))
    if previous.kind == "user_sessions":  # it does not store the creation
        times, created_day = {"last_activity": seen_at}, 2
    else:
        times, created_day = {"updated_at": seen_at, "created_at": created_at}, 1
    previous.model.objects.filter(pk=key).update(**times)
    holder = session(key)
    hour = 12 if use_tz else 11  # noon in Europe/Berlin
    assert holder.last_seen_at() == datetime(2026, 1, 2, hour, tzinfo=UTC)
    assert holder.created_at() == datetime(2026, 1, created_day, hour, tzinfo=UTC)
    record = store.storage.read(holder.subject.handle)
    assert (record.ip, record.user_agent) == ("192.0.2.1", "Firefox")


@stores_clients
def test_a_session_whose_client_is_unknown(previous, session, store):
    holder = session(previous.keep(**ADA))
    assert holder.get("name") == "\u00fc"
    record = store.storage.read(holder.subject.handle)
    assert (record.ip, record.user_agent) == (None, "")


# Outages


@pytest.mark.thorough  # hardly depends on versions
@only("db", "cached_db", "user_sessions", "qsessions")
def test_a_missing_table(previous, session, store):
    key, table = previous.keep(**ADA), previous.model._meta.db_table
    rename(table, "away")
    assert_every_method_raises(session, store.storage, key, DatabaseError)
    rename("away", table)
    assert session(key).get("cart") == [1]


def rename(table, name):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


@pytest.mark.thorough  # hardly depends on versions
@only("db")
def test_a_database_that_cannot_be_reached(previous, session, store, monkeypatch):
    key = previous.keep(**ADA)
    entry = Postgres()._entry(HOST, free_port(), "nobody", "")
    with nowhere(entry, monkeypatch) as alias, monkeypatch.context() as patch:
        patch.setattr(old_engines.Router, "alias", alias)
        assert_every_method_raises(session, store.storage, key, DatabaseError)
    assert session(key).get("cart") == [1]
