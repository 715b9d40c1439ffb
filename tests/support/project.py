"""Parts of a project: an engine on a storage, the public API in a dialect, and receivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal

from django_multisession import conf
from django_multisession.backends import memory
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from django_multisession.transfer.on_demand import ConfiguredEngines
from support.dialects import Awaited, Blocking
from support.event_loops import lasting
from support.subjects import is_native


def install(storage: Storage, settings: Any, monkeypatch: Any) -> None:
    """Make the project keep its sessions in the storage."""
    settings.SESSION_ENGINE = memory.__name__
    monkeypatch.setattr(memory.SessionStore, "storage", storage)


def store_on(storage: Storage) -> type[SessionStore]:
    """Return a session class on the storage, with the project's settings."""
    attributes = {
        "storage": storage,
        "policy": staticmethod(conf.policy),
        "previous_engines": ConfiguredEngines(),
    }
    return type("SessionStore", (SessionStore,), attributes)


def spoken(subject: Any, storage: Storage, dialect: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield the subject, which uses the storage, in the dialect, for a fixture. See `verbs`."""
    if is_native(storage):
        yield from lasting(dialect, subject)
    else:
        yield dialect(subject)


def as_spoken(api: Any, subject: Any) -> Any:
    """Return the subject in the dialect of the API, and in its event loop."""
    if isinstance(api, (Blocking, Awaited)):
        return type(api)(subject)
    other = object.__new__(type(api))
    other.__dict__ = {**vars(api), "subject": subject}
    return other


@contextmanager
def hearing(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """Yield a list to which each signal sent in the ``with`` block adds its arguments."""
    told: list[dict[str, Any]] = []

    def receive(sender: Any, signal: Any, **facts: Any) -> None:
        told.append(facts)

    signal.connect(receive)
    try:
        yield told
    finally:
        signal.disconnect(receive)


@contextmanager
def failing(signal: Signal) -> Iterator[None]:
    """Connect a receiver that raises, in the ``with`` block."""

    def fail(**facts: Any) -> None:
        raise RuntimeError("a broken receiver")

    signal.connect(fail)
    try:
        yield
    finally:
        signal.disconnect(fail)


def tokens(api: Any, number: int, clock: Any, **data: Any) -> list[str]:
    """Create sessions with this data, one a minute, and return their handles, oldest first."""
    handles = []
    for _ in range(number):
        handles.append(api.create(data=data).handle)
        clock.advance(minutes=1)
    return handles


def install_with_orgs(storage: Storage, settings: Any, monkeypatch: Any) -> Storage:
    """Do what install() does; sessions belong to users and to organizations."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    install(storage, settings, monkeypatch)
    return storage
