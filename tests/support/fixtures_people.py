"""Fixtures of sites on the memory storage, and of their users: test clients, sockets, Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client

from django_multisession import auth
from django_multisession.storage.base import Storage
from support import admin_site, auth_worlds, device_pages
from support import channel_consumers as channels_here
from support.admin_demos import demo_in
from support.chromium import running


@pytest.fixture
def office(
    databases: None, memory_storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A site with the admin of sessions."""
    with admin_site.opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def browser(office: Any) -> Client:
    """The browser of an administrator of the office."""
    return office.root()


@pytest.fixture
def home(
    databases: None, memory_storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A site with the pages on which people see their devices."""
    with device_pages.lived_in(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def ada(home: Any) -> Any:
    return home.user("ada")


@pytest.fixture
def mine(home: Any, ada: Any) -> Client:
    """Ada's browser, in which she has just signed in."""
    return home.browser(ada)


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def world(
    request: pytest.FixtureRequest,
    memory_storage: Storage,
    databases: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """A site whose users log in through one of Django's two handlers."""
    with auth_worlds.inhabited(memory_storage, settings, monkeypatch, request.param) as it:
        yield it


@pytest.fixture
def two(world: Any) -> Any:
    """Two browsers of ada's, each with a session."""
    return world.browsers("ada", 2)


@pytest.fixture
def members(relations: None, databases: None, settings: Any) -> Iterator[Any]:
    """The app with other user models, installed."""
    with auth_worlds.joined(settings) as it:
        yield it


@pytest.fixture(params=["Numbered", "Named", "Derived"])
def model(members: Any, request: pytest.FixtureRequest, settings: Any) -> Any:
    """The project's user model. The receivers for its signals are connected."""
    settings.AUTH_USER_MODEL = f"members.{request.param}"
    auth.connect()
    return get_user_model()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with running() as it:
        yield it


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """``demos(place)`` returns the demo that keeps its sessions there, started on the first call.

    With other environment variables it is another demo.
    """
    with ExitStack() as stack:

        @cache
        def run(place: str, **variables: str) -> Any:
            folder = tmp_path_factory.mktemp("x")
            return stack.enter_context(demo_in(folder, place, **variables))

        yield run


@pytest.fixture
def demo(request: pytest.FixtureRequest, demos: Callable[..., Any]) -> Any:
    """The demo in the place that is the test's parameter."""
    return demos(request.param)


@pytest.fixture
def layer(settings: Any) -> Iterator[Any]:
    """A channel layer in memory."""
    with channels_here.layered(settings) as it:
        yield it
