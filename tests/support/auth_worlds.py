"""Users and their browsers at the site of auth_pages, with sessions in a given storage."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import async_to_sync
from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import AsyncClient, Client

from django_multisession import signals
from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.storage.base import Storage
from support import auth_pages

OURS = "django_multisession.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
USER = "django.contrib.auth.middleware.AuthenticationMiddleware"

NAMES = ["ada", "grace"]
PASSWORD = "demo"
# Models with tables of their own.
MEMBERS = ["Club", "Profile", "Numbered", "Named", "Derived", "Customer"]
NEW = {"new_password1": "jR4-unlikely", "new_password2": "jR4-unlikely"}


class Browser:
    """A client with cookies, under WSGI or ASGI."""

    def __init__(self, handler: type[Client | AsyncClient]) -> None:
        self.client = handler(raise_request_exception=False)

    def get(self, path: str) -> Any:
        return self._called(self.client.get)(path)

    def post(self, path: str, **data: Any) -> Any:
        return self._called(self.client.post)(path, data)

    def log_in(self, name: str, password: str = PASSWORD, path: str = "/login/") -> Any:
        return self.post(path, username=name, password=password)

    def run(self, script: Callable[[Any], Any], status: int = 200) -> Any:
        """Send a request whose view runs this function or coroutine function."""
        auth_pages.script = script
        response = self.post("/arun/" if inspect.iscoroutinefunction(script) else "/run/")
        assert response.status_code == status, response.content
        return response

    @property
    def user(self) -> str:
        """The name of the logged-in user, by a new request; "" if anonymous."""
        response = self.get("/who/")
        assert response.status_code == 200
        return response.content.decode()

    @property
    def key(self) -> str | None:
        cookie = self.client.cookies.get("sessionid")
        return cookie.value if cookie and cookie.value else None

    @property
    def handle(self) -> str | None:
        return keys.hash_key(self.key) if self.key else None

    def _called(self, method: Callable[..., Any]) -> Callable[..., Any]:
        return async_to_sync(method) if isinstance(self.client, AsyncClient) else method


class World:
    """Two users, their browsers, and a record of their ended sessions."""

    def __init__(self, storage: Storage, handler: type[Client | AsyncClient]) -> None:
        self.storage, self.handler = storage, handler
        manager = get_user_model()._default_manager
        self.ada, self.grace = (manager.create_user(n, password=PASSWORD) for n in NAMES)
        self.ended: list[tuple[str, str]] = []  # handle, reason

    def browser(self, name: str | None = None) -> Browser:
        """Return a new browser in which this user logged in, a second after the previous one.

        Django reads MIDDLEWARE on a client's first request.
        """
        self.storage.clock.advance(seconds=1)
        browser = Browser(self.handler)
        if name:
            response = browser.log_in(name)
            assert response.status_code == 302, response.content
        return browser

    def browsers(self, name: str, number: int) -> list[Browser]:
        return [self.browser(name) for _ in range(number)]

    def handles(self, user: Any) -> set[str]:
        """Return the handles of this user's stored sessions."""
        return {handle for handle, _ in self.storage.find("user", str(user.pk))}

    def reasons(self) -> list[str]:
        """Return the reasons of ended sessions since the last call, without "rotated"."""
        reasons = [reason for _, reason in self.ended if reason != "rotated"]
        self.ended.clear()
        return reasons

    def note(self, sender: type, handle: str, reason: str, **facts: Any) -> None:
        self.ended.append((handle, reason))


@contextmanager
def inhabited(
    storage: Storage, settings: Any, monkeypatch: Any, handler: type[Client | AsyncClient] = Client
) -> Iterator[World]:
    settings.ROOT_URLCONF = auth_pages.__name__
    settings.LOGIN_REDIRECT_URL = "/who/"
    settings.SESSION_ENGINE = memory.__name__
    settings.MIDDLEWARE = [OURS, USER]
    monkeypatch.setattr(memory.SessionStore, "storage", storage)
    world = World(storage, handler)
    signals.session_ended.connect(world.note)
    try:
        yield world
    finally:
        signals.session_ended.disconnect(world.note)
        people = get_user_model()._default_manager.filter(username__in=NAMES)
        people._raw_delete(people.db)  # sends no signals


# Changes of users


def set_password(user: Any) -> None:
    user.set_password("new")
    user.save()


def deactivate(user: Any, **options: Any) -> None:
    user.is_active = False
    user.save(**options)


def delete(user: Any) -> None:
    user.delete()


# Projects that change their engine


def use(settings: Any, engine: str, middleware: str = OURS, before: Iterable[str] = ()) -> None:
    settings.SESSION_ENGINE, settings.MIDDLEWARE = engine, [middleware, USER]
    settings.MULTISESSION_MIGRATE_FROM = [*before]


def restarted(browser: Browser) -> Browser:
    """Return a browser with the same cookies for a restarted site."""
    again = Browser(type(browser.client))
    again.client.cookies = browser.client.cookies
    return again


def copy_of(browser: Browser) -> Browser:
    """Return a browser with a copy of the current session cookie."""
    thief = Browser(type(browser.client))
    thief.client.cookies["sessionid"] = browser.client.cookies["sessionid"].value
    return thief


# Projects with other user models


@contextmanager
def joined(settings: Any) -> Iterator[AppConfig]:
    """Install the app of the user models and create its tables, for a fixture."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "support.members"]
    apps.clear_cache()
    with connection.schema_editor() as editor:
        for name in MEMBERS:
            editor.create_model(apps.get_model("members", name))
    yield apps.get_app_config("members")
    with connection.schema_editor() as editor:
        for name in reversed(MEMBERS):
            editor.delete_model(apps.get_model("members", name))
