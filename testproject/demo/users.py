"""The users of the demo and the devices that they are logged in on."""

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

from demo.engine import is_multisession
from django_multisession import sessions
from django_multisession.engine import store

NAMES = ["ada", "grace", "linus"]
ADMINISTRATOR = "admin"
PASSWORD = "demo"
MARK = "demo"  # the field that marks simulated sessions


@dataclass(frozen=True)
class Device:
    """A simulated login. Its IP address is reserved for documentation (RFC 5737, 3849)."""

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
    """Return the user of this name, who can log in with `PASSWORD`. Create it if necessary."""
    user, is_new = get_user_model().objects.get_or_create(username=name)
    # A visitor of an earlier demo may have changed the password or deactivated the user.
    if is_new or not user.is_active or not user.check_password(PASSWORD):
        user.is_active, user.password = True, _hashed_password()
        user.save()
        if is_multisession():
            sessions.log_out_everywhere(user)  # setting a hash sends no signal
    return user


def ensure_administrator() -> None:
    """Make sure that there is a superuser for the admin. It has no simulated sessions."""
    user = ensure_user(ADMINISTRATOR)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])


@cache
def _hashed_password() -> str:
    """Return one hash for all users, because hashing takes about a second."""
    return make_password(PASSWORD)


def end_simulated_sessions(user: Any) -> None:
    """End the simulated sessions of an earlier demo. Sessions of real browsers stay."""
    for info in sessions.for_user(user):
        if MARK in info.data():
            info.end()


def simulate(user: Any, device: Device) -> None:
    """Create the session that a login on this device would have created."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": device.ip, "HTTP_USER_AGENT": device.user_agent}
    with _clock_set_back(device.idle):
        sessions.create(user, data={MARK: True, **device.fields}, request=request)


@contextmanager
def _clock_set_back(span: timedelta) -> Iterator[None]:
    storage = store().storage
    clock = storage.clock
    storage.clock = lambda: clock() - span
    try:
        yield
    finally:
        storage.clock = clock
