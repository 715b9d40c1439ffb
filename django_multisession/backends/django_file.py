"""SESSION_ENGINE = "django_multisession.backends.django_file": back to Django's own."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import file

from ..transfer.rollback import RollbackMixin


class SessionStore(RollbackMixin, file.SessionStore):
    """Django's blocks where it is awaited, and the other engine must not."""

    async def aload(self) -> Any:
        return await sync_to_async(self.load)()

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)
