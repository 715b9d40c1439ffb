"""Django's file engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ... import conf
from ...core import keys
from ...core.record import Record
from ..base import Listed, Source, aware, record_of


class DjangoFileSource(Source):
    """One file for each session, modified when the session was last saved."""

    def check(self) -> None:
        self._folder  # noqa: B018 - raises if there is none

    def find(self, name: str) -> Record | None:
        """Read the file. Django's load() takes an unreadable folder for an unknown session."""
        store = self.store(name)
        try:
            with self._errors_without_keys():
                text = self._path(name).read_text("ascii", "replace")
                seen_at = aware(store._last_modification())
        except FileNotFoundError:
            return None
        data = store.decode(text) if text else {}
        return record_of(data, keys.hash_key(name), seen_at=seen_at)

    def remove(self, name: str) -> bool:
        try:
            with self._errors_without_keys():
                self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def iterate(self) -> Iterator[Listed]:
        with self._errors_without_keys():
            for path in self._folder.iterdir():
                name = path.name.removeprefix(self._prefix)
                if name != path.name and keys.is_key(name):
                    yield name, partial(self.find, name)

    def count(self) -> int:
        return sum(1 for _ in self.iterate())

    @contextmanager
    def _errors_without_keys(self) -> Iterator[None]:
        """Raise for a missing folder; keep file names, which contain keys, out of errors."""
        try:
            yield
        except FileNotFoundError:
            if self._folder.is_dir():
                raise
            raise OSError(f"The folder of the sessions is missing: {self._folder}") from None
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._folder)) from None

    def _path(self, name: str) -> Path:
        return Path(self.store(name)._key_to_file())

    @property
    def _folder(self) -> Path:
        return Path(self.store._get_storage_path())

    @property
    def _prefix(self) -> str:
        return str(conf.django_setting("SESSION_COOKIE_NAME"))
