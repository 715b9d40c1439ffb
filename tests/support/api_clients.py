"""Clients of the devices API that check each response against openapi.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import include, path
from jsonschema import Draft202012Validator, FormatChecker

import django_multisession.api
from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.storage.base import Storage
from support import auth_pages
from support.auth_worlds import USER, Browser, World, inhabited
from support.bearers import BEARER, CSRF
from support.user_agents import FIREFOX

ROOT = "/api/devices"
SCHEMA = json.loads(Path(django_multisession.api.__file__).with_name("openapi.json").read_text())
# Responses to methods that are not allowed, and therefore not described.
ELSE = {status: {"$ref": "#/components/responses/Invalid"} for status in ("401", "405", "503")}
CSRF_TOKEN = "c" * 32

urlpatterns = [
    path("api/devices/", include("django_multisession.api.urls")),
    *auth_pages.urlpatterns,
]

formats = FormatChecker([])


@formats.checks("date-time", raises=ValueError)
def is_utc(text: object) -> bool:
    if not isinstance(text, str):
        return True
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not parse Z
    return moment.utcoffset() == timedelta(0)


def resolved(node: dict[str, Any]) -> Any:
    """Return the node that a chain of $ref leads to."""
    while "$ref" in node:
        place: Any = SCHEMA
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the description of the operation, or None if the method is not allowed."""
    item = SCHEMA["paths"].get(path, SCHEMA["paths"]["/{handle}/"])
    return item.get(method)


def assert_valid(data: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": SCHEMA["components"]}
    Draft202012Validator(whole, format_checker=formats).validate(data)


def assert_documented(response: Any, method: str, path: str) -> None:
    """Assert that status, content type and body are as described."""
    found, status = operation(method, path), str(response.status_code)
    answers = found["responses"] if found else ELSE
    assert status in answers, f"{method} {path} may not answer {status}: {response.content!r}"
    content = resolved(answers[status]).get("content")
    if content is None:
        assert response.content == b""
        return
    ((kind, told),) = content.items()
    assert response["Content-Type"] == kind
    assert_valid(json.loads(response.content), told["schema"])


class Caller(Browser):
    """A client that calls the API with a cookie or a token, under WSGI or ASGI."""

    def __init__(
        self, handler: type[Client | AsyncClient], token: str | None = None, **headers: str
    ) -> None:
        self.client = handler(enforce_csrf_checks=True, raise_request_exception=False)
        self.token, self.headers = token, {"user-agent": FIREFOX, **headers}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and check the response. ``body`` is encoded as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/json")
        if self.token is not None:
            headers = {"authorization": f"Bearer {self.token}", **headers}
        path, _, query = path.partition("?")
        response = self._called(self.client.generic)(
            method.upper(),
            f"{ROOT}{path}{'?' * bool(query)}{query}",
            b"" if body is None else data,
            kind,
            headers={**self.headers, **headers},
        )
        assert_documented(response, method, path)
        if self.token is not None:
            assert "sessionid" not in response.cookies
            self.token = response.headers.get("Session-Token", self.token)
        return response

    def log_in_as(self, user: Any) -> None:
        """Log in with a cookie, and send a CSRF token with each request."""
        self.client.force_login(user)
        self.client.cookies["csrftoken"] = CSRF_TOKEN
        self.headers["x-csrftoken"] = CSRF_TOKEN

    def listed(self, path: str = "/") -> list[dict[str, Any]]:
        response = self.call("get", path)
        assert response.status_code == 200
        return json.loads(response.content)["devices"]

    @property
    def own(self) -> str:
        """The handle of the caller's session."""
        key = self.token or self.client.cookies["sessionid"].value
        return keys.hash_key(key)

    def _called(self, method: Any) -> Any:
        if not isinstance(self.client, AsyncClient):
            return method

        async def awaited(*args: Any, **facts: Any) -> Any:
            return await method(*args, **facts)

        return async_to_sync(awaited)


class Site:
    """A site with the API, and the users ada and grace."""

    def __init__(self, world: World) -> None:
        self.world, self.by = world, "cookie"  # how callers authenticate
        self.ada, self.grace, self.storage = world.ada, world.grace, world.storage

    def caller(self, user: Any = None, **headers: str) -> Caller:
        """Return a caller whose session is a second younger than the previous one."""
        self.storage.clock.advance(seconds=1)
        if user is not None and self.by == "token":
            return Caller(self.world.handler, sessions.create(user).session_key, **headers)
        it = Caller(self.world.handler, **headers)
        if user is not None:
            it.log_in_as(user)
        return it


@contextmanager
def opened(
    storage: Storage, settings: Any, monkeypatch: Any, handler: type[Client | AsyncClient] = Client
) -> Iterator[Site]:
    with inhabited(storage, settings, monkeypatch, handler) as it:
        settings.ROOT_URLCONF = __name__
        settings.MIDDLEWARE = [BEARER, CSRF, USER]
        yield Site(it)


def error(response: Any) -> str:
    """Return the error word of the response."""
    return json.loads(response.content)["error"]
