"""Another engine of this package, on another server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...core import keys
from ...core.record import Record, live
from ...storage.base import Storage
from ..base import Listed, Source

PAGE = 500  # sessions a page


class MultisessionSource(Source):
    """Sessions are moved as they are stored, with all their facts.

    Only hashes of the keys are stored, so sessions can be named by their handles too.
    """

    def find(self, name: str) -> Record | None:
        return self._live(self._storage.read(keys.to_handle(name)))

    def remove(self, name: str) -> bool:
        return self._storage.delete(keys.to_handle(name)) is not None

    def iterate(self) -> Iterator[Listed]:
        for found in self._storage.pages(PAGE):
            for handle, _ in found:
                yield handle, partial(self.find, handle)

    def count(self) -> int:
        return self._storage.count()

    async def afind(self, name: str) -> Record | None:
        return self._live(await self._storage.aread(keys.to_handle(name)))

    async def aremove(self, name: str) -> bool:
        return await self._storage.adelete(keys.to_handle(name)) is not None

    @property
    def _storage(self) -> Storage:
        return self.store.storage  # type: ignore[no-any-return]

    def _live(self, record: Record | None) -> Record | None:
        return live(record, self._storage.clock())
