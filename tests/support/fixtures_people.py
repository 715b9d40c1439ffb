"""Sites on the specification, and who visits them: by Django's clients, by sockets, in Chromium."""

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
    """A site whose admin has the session browser, on the specification."""
    with admin_site.opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def browser(office: Any) -> Client:
    """Of an administrator of the office."""
    return office.root()


@pytest.fixture
def home(
    databases: None, memory_storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A site with the pages of one's devices, on the specification."""
    with device_pages.lived_in(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def ada(home: Any) -> Any:
    return home.user("ada")


@pytest.fixture
def mine(home: Any, ada: Any) -> Client:
    """Ada's browser, signed in just now."""
    return home.browser(ada)


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def world(
    request: pytest.FixtureRequest,
    memory_storage: Storage,
    databases: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """People who log in over one of Django's two handlers, on the specification."""
    with auth_worlds.inhabited(memory_storage, settings, monkeypatch, request.param) as it:
        yield it


@pytest.fixture
def two(world: Any) -> Any:
    """Browsers of ada's, with a session each."""
    return world.browsers("ada", 2)


@pytest.fixture
def members(relations: None, databases: None, settings: Any) -> Iterator[Any]:
    """The app with other models of users."""
    with auth_worlds.joined(settings) as it:
        yield it


@pytest.fixture(params=["Numbered", "Named", "Derived"])
def model(members: Any, request: pytest.FixtureRequest, settings: Any) -> Any:
    """The project's model of users. Whose receivers are connected when Django starts."""
    settings.AUTH_USER_MODEL = f"members.{request.param}"
    auth.connect()
    return get_user_model()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with running() as it:
        yield it


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """``demos(place)``: the demo there, which runs from when it is first asked for. Further
    variables of its environment make it another."""
    with ExitStack() as stack:

        @cache
        def run(place: str, **variables: str) -> Any:
            folder = tmp_path_factory.mktemp("x")
            return stack.enter_context(demo_in(folder, place, **variables))

        yield run


@pytest.fixture
def demo(request: pytest.FixtureRequest, demos: Callable[..., Any]) -> Any:
    """The one in the place that the test is parametrized with."""
    return demos(request.param)


@pytest.fixture
def layer(settings: Any) -> Iterator[Any]:
    """Of channels, in memory."""
    with channels_here.layered(settings) as it:
        yield it
