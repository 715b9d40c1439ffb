"""A server that stops and is started again, and the consequences for users."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connections

from django_multisession.storage.db import DatabaseStorage
from support import servers
from support.outages import is_raised_by_every_method, logs_nobody_out
from support.project import store_on


@pytest.fixture(scope="module")
def server():
    """Start a PostgreSQL server that the test can kill."""
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
def start(server):
    """Start the server again and connect to it, as Django does for the next request."""

    def run():
        server.start()
        connections["doomed"].close()

    return run


def test_an_outage_logs_nobody_out(server, start, site):
    logs_nobody_out(site, server, start)


def test_every_method_raises_what_the_driver_raises(server, start, storage):
    is_raised_by_every_method(store_on(storage), server, start, storage.outages)
