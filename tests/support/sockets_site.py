"""The demo's site with WebSocket consumers, and views that end sessions in all ways.

An ASGI application for server processes.
"""

from __future__ import annotations

import os
from typing import Any

import django
from channels.auth import AuthMiddlewareStack, login, logout
from channels.db import database_sync_to_async
from channels.generic.websocket import (
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

django.setup()

from django.contrib import auth  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.db import transaction  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402

from django_multisession import sessions  # noqa: E402
from django_multisession.channels import ClosesWithSession  # noqa: E402
from django_multisession.engine import store  # noqa: E402

LOG = os.environ.get("DISCONNECTS", os.devnull)


def note(path: str, code: int) -> None:
    """Write the code with which a consumer's socket was closed to the log."""
    with open(LOG, "a") as file:
        file.write(f"{path} {code}\n")


class Echo(ClosesWithSession, AsyncWebsocketConsumer):
    """A consumer that echoes texts with the user's name, and runs commands."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        verb, _, name = (text_data or "").partition(" ")
        if verb == "login":
            user = await database_sync_to_async(get_user_model().objects.get)(username=name)
            await login(self.scope, user)
            await self.scope["session"].asave()
        elif verb == "logout":
            await logout(self.scope)
        elif verb == "leave":
            await self.close(4000)
            return
        await self.send(text_data=f"{self.scope['user'].get_username()}: {text_data}")

    async def disconnect(self, code: int) -> None:
        note("echo", code)


class Often(Echo):
    """A consumer that checks its session often."""

    session_check_interval = 0.3


class Own(Echo):
    session_ended_code = 4999


class Sync(ClosesWithSession, WebsocketConsumer):
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data=f"{self.scope['user'].get_username()}: {text_data}")

    def disconnect(self, code: int) -> None:
        note("sync", code)


class Json(ClosesWithSession, JsonWebsocketConsumer):
    def receive_json(self, content: Any, **kwargs: Any) -> None:
        self.send_json(f"{self.scope['user'].get_username()}: {content}")

    def disconnect(self, code: int) -> None:
        note("json", code)


class Slow(Echo):
    """A consumer whose session ends during the handshake."""

    async def connect(self) -> None:
        await sessions.aend(self.scope["session"].handle)
        await super().connect()


# Views


def enter(request: HttpRequest, name: str) -> JsonResponse:
    """Log in the user of this name, who is created if necessary."""
    user, is_new = get_user_model().objects.get_or_create(username=name)
    if is_new:
        user.set_password("demo")
        user.save()
    auth.login(request, user)
    return JsonResponse({})


def of_user(request: HttpRequest, name: str) -> JsonResponse:
    user = get_user_model().objects.get(username=name)
    return JsonResponse({"ended": sessions.log_out_everywhere(user)})


def deactivate(request: HttpRequest, name: str) -> JsonResponse:
    user = get_user_model().objects.get(username=name)
    user.is_active = False
    user.save()
    return JsonResponse({})


def everybody(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ended": sessions.clear()})


async def awaited(request: HttpRequest, handle: str) -> JsonResponse:
    return JsonResponse({"ended": await sessions.aend(handle)})


def committed(request: HttpRequest, handle: str) -> JsonResponse:
    with transaction.atomic():
        return JsonResponse({"ended": sessions.end(handle)})


def rolled_back(request: HttpRequest, handle: str) -> JsonResponse:
    with transaction.atomic():
        ended = sessions.end(handle)
        transaction.set_rollback(True)
    return JsonResponse({"ended": ended})


def untold(request: HttpRequest, handle: str) -> JsonResponse:
    """Delete the session from the storage without a signal."""
    return JsonResponse({"ended": store().storage.delete(handle) is not None})


def expire(request: HttpRequest, seconds: int) -> JsonResponse:
    request.session.set_expiry(seconds)
    return JsonResponse({})


urlpatterns = [
    path("enter/<name>/", enter),
    path("of-user/<name>/", of_user),
    path("deactivate/<name>/", deactivate),
    path("everybody/", everybody),
    path("awaited/<handle>/", awaited),
    path("committed/<handle>/", committed),
    path("rolled-back/<handle>/", rolled_back),
    path("untold/<handle>/", untold),
    path("expire/<int:seconds>/", expire),
    path("", include("urls")),
]

CONSUMERS = {
    "echo": Echo,
    "often": Often,
    "own": Own,
    "sync": Sync,
    "json": Json,
    "slow": Slow,
}
routes = [path(f"{name}/", consumer.as_asgi()) for name, consumer in CONSUMERS.items()]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": AuthMiddlewareStack(URLRouter(routes))}
)
