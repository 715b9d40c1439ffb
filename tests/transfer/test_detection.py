"""`detection`: the adapter that is chosen for an engine, and the configured engines."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends import cache

from django_multisession.transfer.detection import configured, source_of
from django_multisession.transfer.sources.django_cache import DjangoCacheSource
from django_multisession.transfer.sources.django_file import DjangoFileSource
from django_multisession.transfer.sources.generic import GenericSource
from django_multisession.transfer.sources.multisession import MultisessionSource
from django_multisession.transfer.sources.redis_sessions import RedisSessionsSource
from django_multisession.transfer.sources.signed_cookies import SignedCookiesSource
from django_multisession.transfer.sources.sql_table import SqlTableSource
from support import old_engines
from support.old_engines import ENGINES

ADAPTERS = {
    "db": SqlTableSource,
    "cached_db": SqlTableSource,
    "cache": DjangoCacheSource,
    "file": DjangoFileSource,
    "signed_cookies": SignedCookiesSource,
    "user_sessions": SqlTableSource,
    "qsessions": SqlTableSource,
    "qsessions_cached_db": SqlTableSource,
    "redis_sessions": RedisSessionsSource,
    "ours_memory": MultisessionSource,
    "ours_redis": MultisessionSource,
    "ours_db": MultisessionSource,
    "other": GenericSource,
}


@pytest.fixture(params=ADAPTERS)
def previous(relations, request):
    yield from old_engines.opened(request.param, request)


def test_the_adapter_of_each_engine(previous):
    source = source_of(previous.engine)
    assert type(source) is ADAPTERS[previous.kind]
    assert (source.engine, source.store) == (previous.engine, previous.store)


class ProjectStore(cache.SessionStore):
    """A project's own engine, derived from one of Django's."""


def test_an_engine_that_is_derived_from_one_of_django(monkeypatch):
    monkeypatch.setattr(f"{ENGINES['other']}.SessionStore", ProjectStore)
    assert type(source_of(ENGINES["other"])) is DjangoCacheSource


@pytest.mark.parametrize(
    ("engine", "error"),
    [("no_such_package.engine", ImportError), ("json", AttributeError), ("", ValueError)],
)
def test_an_engine_that_does_not_exist(engine, error):
    with pytest.raises(error):
        source_of(engine)


def test_the_configured_engines_keep_their_order(settings):
    engines = [ENGINES["other"], ENGINES["file"], ENGINES["ours_memory"]]
    settings.MULTISESSION_MIGRATE_FROM = engines
    assert [source.engine for source in configured()] == engines
    assert configured() is configured()
    settings.MULTISESSION_MIGRATE_FROM = []
    assert list(configured()) == []
