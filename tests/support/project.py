"""What a project sets up: an engine on a storage, the public API in a dialect, and receivers."""

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
    """It is where the sessions of the project are."""
    settings.SESSION_ENGINE = memory.__name__
    monkeypatch.setattr(memory.SessionStore, "storage", storage)


def store_on(storage: Storage) -> type[SessionStore]:
    """An engine on the storage, with the settings of the project."""
    attributes = {
        "storage": storage,
        "policy": staticmethod(conf.policy),
        "previous_engines": ConfiguredEngines(),
    }
    return type("SessionStore", (SessionStore,), attributes)


def spoken(subject: Any, storage: Storage, dialect: Callable[[Any], Any]) -> Iterator[Any]:
    """For a fixture: what works on the storage, in the dialect. See the fixture `verbs`."""
    if is_native(storage):
        yield from lasting(dialect, subject)
    else:
        yield dialect(subject)


def as_spoken(api: Any, subject: Any) -> Any:
    """Something else in the dialect of the API."""
    if isinstance(api, (Blocking, Awaited)):
        return type(api)(subject)
    other = object.__new__(type(api))  # and in its loop
    other.__dict__ = {**vars(api), "subject": subject}
    return other


@contextmanager
def hearing(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """What each sending of the signal tells."""
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
    """With a receiver that is broken."""

    def fail(**facts: Any) -> None:
        raise RuntimeError("a broken receiver")

    signal.connect(fail)
    try:
        yield
    finally:
        signal.disconnect(fail)


def tokens(api: Any, number: int, clock: Any, **data: Any) -> list[str]:
    """Handles of so many new sessions with this data, one a minute, the first one first."""
    handles = []
    for _ in range(number):
        handles.append(api.create(data=data).handle)
        clock.advance(minutes=1)
    return handles


def install_with_orgs(storage: Storage, settings: Any, monkeypatch: Any) -> Storage:
    """The same, where sessions belong to users and to organisations."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    install(storage, settings, monkeypatch)
    return storage
