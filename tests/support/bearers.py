"""Clients of the site of auth_pages that send a token and no cookie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import AsyncClient, Client

from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.storage.base import Storage
from support.auth_worlds import OURS, USER, Browser, World, inhabited

BEARER = "django_multisession.middleware.BearerSessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"

HANDLERS = {"params": [Client, AsyncClient], "ids": ["wsgi", "asgi"]}  # for a fixture's parameters


class Bearer(Browser):
    """A client that sends its token with each request and takes over a new one, under WSGI or ASGI.

    Cookies that a test sets on its ``client`` are sent, too.
    """

    def __init__(self, handler: type[Client | AsyncClient], token: str, **options: Any) -> None:
        self.client = handler(raise_request_exception=False, **options)
        self.token = token

    def get(self, path: str, **headers: str) -> Any:
        return self.send("get", path, **headers)

    def post(self, path: str, **data: Any) -> Any:
        return self.send("post", path, data)

    def send(self, method: str, path: str, data: Any = None, **headers: str) -> Any:
        """Send a request. The header ``authorization`` may be overridden."""
        headers = {"authorization": f"Bearer {self.token}", **headers}
        call = self._called(getattr(self.client, method))
        response = call(path, data, headers=headers)
        assert "sessionid" not in response.cookies or "sessionid" in self.client.cookies
        self.token = response.headers.get("Session-Token", self.token)
        return response

    @property
    def handle(self) -> str:
        return keys.hash_key(self.token)


def bearer(world: World, user: Any = None, **facts: Any) -> Bearer:
    """Return a client with a new session, a second younger than the previous one."""
    world.storage.clock.advance(seconds=1)
    return Bearer(world.handler, sessions.create(user, **facts).session_key)


def with_token(world: World, token: str) -> Bearer:
    return Bearer(world.handler, token)


@contextmanager
def opened(
    storage: Storage, settings: Any, monkeypatch: Any, handler: type[Client | AsyncClient] = Client
) -> Iterator[World]:
    """Open a world with BearerSessionMiddleware."""
    with inhabited(storage, settings, monkeypatch, handler) as world:
        assert settings.MIDDLEWARE == [OURS, USER]
        settings.MIDDLEWARE = [BEARER, USER]
        yield world


def assert_refused(response: Any, error: str = "invalid_token", status: int = 401) -> None:
    """Assert that the response is an error by RFC 6750 with a JSON body."""
    body = json.loads(response.content)
    assert (response.status_code, body["error"]) == (status, error)
    challenge = f'Bearer realm="sessions", error="{error}", error_description="{body["detail"]}"'
    assert response["WWW-Authenticate"] == challenge
    assert "Authorization" in response["Vary"]
    assert dict(response.cookies) == {}
