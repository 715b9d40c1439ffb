"""Previous engines, real and fake, for tests of sessions that are moved out of them."""

from __future__ import annotations

import json

import pytest

from django_multisession import conf
from django_multisession.core import references
from support import old_engines
from support.auth_worlds import DJANGOS, use
from support.fixtures_people import two, world
from support.previous_engine import FakePreviousEngine, Steps, put
from support.subjects import make_record

__all__ = ["two", "world"]


@pytest.fixture
def previous(relations, request):
    """A real previous engine. Its kind is the parameter: use `only`, or override this fixture."""
    yield from old_engines.opened(request.param, request)


@pytest.fixture
def previous_world(previous, world, settings):
    """Browsers of a project that uses the previous engine. Sessions of this engine: in memory."""
    use(settings, previous.engine, DJANGOS)
    return world


@pytest.fixture
def configure_sources(monkeypatch):
    """``configure_sources(*sources)``: use these sources in place of MULTISESSION_MIGRATE_FROM."""
    return lambda *sources: put(monkeypatch, [*sources])


@pytest.fixture
def source(configure_sources):
    """A fake previous engine that keeps records in a dict. It is the only one configured."""
    fake = FakePreviousEngine()
    configure_sources(fake)
    return fake


@pytest.fixture
def store_at_source(source, clock):
    """``store_at_source(**fields)``: store a session of user 7 in ``source`` and return its key."""

    def store_at_source(**more_fields):
        fields = {"_auth_user_id": "7", "cart": [1], **more_fields}
        encoded = {name: json.dumps(value).encode() for name, value in fields.items()}
        belongs_to = references.resolve(fields, conf.references())
        return source.keep(make_record(clock, fields=encoded, references=belongs_to))

    return store_at_source


@pytest.fixture
def steps(source, memory_storage, monkeypatch):
    """The calls of the source and of the storage, and a way to interrupt them at any step."""
    steps = Steps()
    steps.watch_all(source, memory_storage, monkeypatch)
    return steps
