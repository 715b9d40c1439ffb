"""Find the adapter for an engine that sessions come from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.contrib.sessions.backends import cache, file, signed_cookies

from .. import conf
from ..storage.base import Storage
from .base import Source
from .sources.django_cache import DjangoCacheSource
from .sources.django_file import DjangoFileSource
from .sources.generic import GenericSource
from .sources.multisession import MultisessionSource
from .sources.redis_sessions import RedisSessionsSource
from .sources.signed_cookies import SignedCookiesSource
from .sources.sql_table import SqlTableSource


@conf.cached_setting
def configured() -> Sequence[Source]:
    """Return the engines of MULTISESSION_MIGRATE_FROM, in this order."""
    return [source_of(engine) for engine in conf.get("MULTISESSION_MIGRATE_FROM")]


def source_of(engine: str) -> Source:
    """Return the adapter for the engine with this dotted path.

    Raises ImportError, AttributeError if the module has no ``SessionStore``, and ValueError if the
    engine's settings are not sufficient.
    """
    module = import_module(engine)
    kind = _kind(module, module.SessionStore)
    return kind(engine, module.SessionStore)


def _kind(module: Any, store: type[Any]) -> type[Source]:
    if isinstance(getattr(store, "storage", None), Storage):
        return MultisessionSource
    if hasattr(store, "get_model_class") or hasattr(module, "Session"):
        return SqlTableSource
    if hasattr(store, "get_real_stored_key"):
        return RedisSessionsSource
    kinds: dict[Any, type[Source]] = {
        cache: DjangoCacheSource,
        file: DjangoFileSource,
        signed_cookies: SignedCookiesSource,
    }
    for backend, kind in kinds.items():
        if issubclass(store, backend.SessionStore):
            return kind
    return GenericSource
