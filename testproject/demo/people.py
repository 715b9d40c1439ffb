"""Who takes part in the demo, and the devices they are logged in on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from demo.engine import is_ours
from django_multisession import sessions
from django_multisession.engine import store

NAMES = ["ada", "grace", "linus"]
ADMINISTRATOR = "admin"
PASSWORD = "demo"
MARK = "demo"  # a field that only simulated sessions have


@dataclass(frozen=True)
class Device:
    """One simulated login. Its address is one of those that are reserved for examples."""

    owner: str
    ip: str
    user_agent: str
    idle: timedelta  # since it was last seen
    fields: dict[str, Any] = field(default_factory=dict)


DEVICES = [
    Device(
        "ada",
        "192.0.2.17",
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        timedelta(0),
        {"cart": {"tea": 2, "scones": 6}},
    ),
    Device(
        "ada",
        "198.51.100.23",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        timedelta(minutes=5),
        {"theme": "dark", "language": "en-gb"},
    ),
    Device(
        "grace",
        "203.0.113.8",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        timedelta(minutes=40),
        {"cart": {"compiler": 1}},
    ),
    Device(
        "grace",
        "2001:db8::4a",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        timedelta(hours=7),
        {"theme": "light"},
    ),
    Device(
        "linus",
        "2001:db8::17",
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        timedelta(hours=26),
        {"theme": "dark"},
    ),
    Device("linus", "198.51.100.90", "curl/8.14.1", timedelta(days=3)),
]


def ensure_user(name: str) -> Any:
    """The user of this name, who can log in with `PASSWORD`."""
    user, is_new = get_user_model().objects.get_or_create(username=name)
    # Somebody may have tried the page that changes it, or the admin.
    if is_new or not user.is_active or not user.check_password(PASSWORD):
        user.is_active, user.password = True, _hashed_password()
        user.save()
        if is_ours():
            sessions.log_out_everywhere(user)  # a hash that is set tells nobody of a new password
    return user


def ensure_administrator() -> None:
    """Who may see and do everything in the admin, and has no simulated sessions."""
    user = ensure_user(ADMINISTRATOR)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])


@cache
def _hashed_password() -> str:
    """One for all: a hash takes a second or so."""
    return make_password(PASSWORD)


def end_simulated_sessions(user: Any) -> None:
    """Only those of an earlier demo: whoever logged in with a browser stays logged in."""
    for info in sessions.for_user(user):
        if MARK in info.data():
            info.end()


def simulate(user: Any, device: Device) -> None:
    """Leave a session such as this device would have got by logging in."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": device.ip, "HTTP_USER_AGENT": device.user_agent}
    with _clock_put_back(device.idle):
        sessions.create(user, data={MARK: True, **device.fields}, request=request)


@contextmanager
def _clock_put_back(span: timedelta) -> Iterator[None]:
    storage = store().storage
    clock = storage.clock
    storage.clock = lambda: clock() - span
    try:
        yield
    finally:
        storage.clock = clock
