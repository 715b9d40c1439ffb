"""`engine`: the session engine and the session middleware that a project has configured."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore as DjangoStore
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.exceptions import ImproperlyConfigured

from django_multisession import engine
from django_multisession.backends import memory, redis
from django_multisession.engine import BACKENDS, DJANGO_MIDDLEWARE, OUR_MIDDLEWARE

DJANGO_ENGINE = DjangoStore.__module__


class DerivedMiddleware(DjangoSessionMiddleware):
    """A project's own session middleware."""


class TestStore:
    def test_the_class_of_the_configured_engine(self, settings):
        settings.SESSION_ENGINE = f"{BACKENDS}memory"
        assert engine.store() is engine.find_store() is memory.SessionStore
        settings.SESSION_ENGINE = f"{BACKENDS}redis"
        assert engine.store() is engine.find_store() is redis.SessionStore

    def test_an_engine_of_django_is_refused(self, settings):
        settings.SESSION_ENGINE = DJANGO_ENGINE
        with pytest.raises(ImproperlyConfigured, match=f"SESSION_ENGINE '{DJANGO_ENGINE}'"):
            engine.store()
        assert engine.find_store() is None
        assert engine.load(DJANGO_ENGINE) is DjangoStore

    @pytest.mark.parametrize(("name", "error"), [("no_such_module", ImportError), ("", ValueError)])
    def test_an_engine_that_cannot_be_loaded(self, settings, name, error):
        settings.SESSION_ENGINE = name
        with pytest.raises(error):
            engine.store()
        assert engine.find_store() is None
        assert engine.module() is None

    def test_a_module_without_a_session_store(self, settings):
        settings.SESSION_ENGINE = "json"
        with pytest.raises(AttributeError):
            engine.store()
        assert engine.find_store() is None


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("redis", None, True),
        ("redis", "redis://localhost", False),
        ("memory", None, False),
    ],
)
def test_redis_is_connected_through_an_alias_unless_there_is_a_url(settings, name, url, expected):
    settings.SESSION_ENGINE = f"{BACKENDS}{name}"
    settings.MULTISESSION_REDIS_URL = url
    assert engine.uses_redis_alias() is expected


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([], []),
        ([OUR_MIDDLEWARE], [OUR_MIDDLEWARE]),
        ([DJANGO_MIDDLEWARE], [DJANGO_MIDDLEWARE]),
        ([f"{__name__}.DerivedMiddleware"], [DJANGO_MIDDLEWARE]),
        (["no.such.Middleware", "django.middleware.common.CommonMiddleware"], []),
        ([DJANGO_MIDDLEWARE, OUR_MIDDLEWARE], [DJANGO_MIDDLEWARE, OUR_MIDDLEWARE]),
    ],
)
def test_the_session_middleware_of_the_project(settings, middleware, expected):
    settings.MIDDLEWARE = middleware
    assert engine.middleware() == expected
