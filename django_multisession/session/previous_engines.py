"""The seam between the session object and `transfer`: sessions that are still in another engine."""

from __future__ import annotations

from ..core.record import Record
from ..storage.base import Storage


class PreviousEngines:
    """Engines that sessions were kept in before. This class knows of none.

    ``token`` is what the client sent: a session key, or a cookie that holds the session itself.
    `transfer.on_demand.ConfiguredEngines` asks those of MULTISESSION_MIGRATE_FROM.
    """

    def key_for(self, token: str) -> str | None:
        """Return a key for a session that is held by its cookie. None: the token is no such one."""
        return None

    def migrate(self, storage: Storage, handle: str, token: str) -> Record | None:
        """Move the session into ``storage`` and return its record. None: no engine has it.

        Call it only after ``storage`` was read and has no record. Raises what a previous engine
        raises if its server cannot be reached, and `CannotMove` if a field cannot be stored.
        """
        return None

    async def amigrate(self, storage: Storage, handle: str, token: str) -> Record | None:
        """See migrate()."""
        return None

    def note_ended(self, storage: Storage, handle: str) -> None:
        """Keep a session that ends, or gets a new key, from being migrated later."""

    async def anote_ended(self, storage: Storage, handle: str) -> None:
        """See note_ended()."""

    def delete(self, handle: str, token: str) -> None:
        """Delete the session from whichever previous engine has it."""

    async def adelete(self, handle: str, token: str) -> None:
        """See delete()."""
