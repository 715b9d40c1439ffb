"""A server that goes away and comes back, and what people notice of it."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.test import Client

import servers
from conftest import store_on
from django_multisession.backends.memory import SessionStore
from django_multisession.storage.db import DatabaseStorage


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of our own, to be killed."""
    instance = servers.Instance(servers.Postgres())
    try:
        instance.start()
    except FileNotFoundError:
        instance.remove()
        servers.missing("postgres, to be started here")
    yield instance
    instance.remove()


@pytest.fixture
def storage(server, django_db_blocker, monkeypatch):
    entry = {**server.entry, "NAME": "postgres"}
    monkeypatch.setitem(django_settings.DATABASES, "doomed", entry)
    connections.__dict__.pop("settings", None)
    with django_db_blocker.unblock():
        call_command("migrate", database="doomed", verbosity=0)
        yield DatabaseStorage(database="doomed")
        connections["doomed"].close()
    del connections["doomed"]
    connections.__dict__.pop("settings", None)


@pytest.fixture
def client(storage, settings, monkeypatch):
    settings.ROOT_URLCONF = "test_middleware"
    settings.SESSION_ENGINE = "django_multisession.backends.memory"
    settings.MIDDLEWARE = ["django_multisession.middleware.SessionMiddleware"]
    monkeypatch.setattr(SessionStore, "storage", storage)
    return Client(raise_request_exception=False)


def test_an_outage_logs_nobody_out(server, storage, client):
    assert client.get("/sync_count").content == b"1"
    key = client.cookies["sessionid"].value
    server.kill()
    for _ in range(2):
        response = client.get("/sync_count")
        assert (response.status_code, dict(response.cookies)) == (500, {})
    assert client.cookies["sessionid"].value == key
    server.start()
    connections["doomed"].close()  # as Django does between requests
    assert client.get("/sync_count").content == b"2"


def test_every_method_raises_what_the_driver_raises(server, storage):
    store = store_on(storage)
    holder = store()
    holder["a"] = 1
    holder.save()
    key = holder.session_key
    holder["a"] = 2
    server.kill()
    calls = [
        store(key).load,
        holder.save,
        holder.touch,
        holder.cycle_key,
        holder.flush,
        store().create,
        lambda: store().exists(key),
        store.clear_expired,
    ]
    for call in calls:
        with pytest.raises(DatabaseError):
            call()
    server.start()
    connections["doomed"].close()
    assert holder.session_key == key
    assert store(key)["a"] == 1
    holder.save()
    assert store(key)["a"] == 2
