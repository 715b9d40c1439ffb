"""A table of sessions: Django's db and cached_db, django-user-sessions, django-qsessions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.apps import apps
from django.core.cache import caches
from django.utils import timezone

from ... import conf
from ...core import keys
from ...core.record import Record
from ..base import Listed, Source, aware, record_of

BATCH = 500  # rows a statement


class SqlTableSource(Source):
    """Sessions in a table. IP address, user agent and times are moved if there are columns."""

    def check(self) -> None:
        apps.get_app_config(self._model._meta.app_label)  # raises if it is not installed

    def find(self, name: str) -> Record | None:
        row = self._live().filter(pk=name).first()
        return row and self._record(row)

    def remove(self, name: str) -> bool:
        deleted, _ = self._model._base_manager.filter(pk=name).delete()
        if prefix := getattr(self.store, "cache_key_prefix", None):
            caches[conf.django_setting("SESSION_CACHE_ALIAS")].delete(f"{prefix}{name}")
        return bool(deleted)

    def iterate(self) -> Iterator[Listed]:
        last = ""
        while rows := list(self._live().filter(pk__gt=last).order_by("pk")[:BATCH]):
            for row in rows:
                yield row.pk, partial(self._record, row)
            last = rows[-1].pk

    def count(self) -> int:
        return int(self._live().count())

    @property
    def _model(self) -> Any:
        """The model. django-user-sessions has it in the module of its engine."""
        if hasattr(self.store, "get_model_class"):
            return self.store.get_model_class()
        return conf.import_setting(f"{self.engine}.Session")

    def _live(self) -> Any:
        return self._model._default_manager.filter(expire_date__gt=timezone.now())

    def _record(self, row: Any) -> Record | None:
        seen_at = getattr(row, "last_activity", None) or getattr(row, "updated_at", None)
        created_at = getattr(row, "created_at", None)
        return record_of(
            self.store().decode(row.session_data),
            keys.hash_key(row.pk),
            seen_at=seen_at and aware(seen_at),
            created_at=created_at and aware(created_at),
            expires_at=aware(row.expire_date),
            ip=getattr(row, "ip", None),
            user_agent=getattr(row, "user_agent", None),
        )
