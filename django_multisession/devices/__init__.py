"""The sessions of the current user, as pages and API clients show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from .. import sessions
from ..core.client import kind_of, parts_of
from ..sessions import owners
from ..sessions.info import SessionInfo
from ..web.geoip import place_name

REASON = "ended_by_user"  # the reason in the signal session_ended


@dataclass(frozen=True)
class Device:
    """A session with its name and location, as its owner sees it.

    Texts come from people and clients and may contain anything: escape them.
    """

    info: SessionInfo
    is_current: bool  # True for the session of the request

    @property
    def name(self) -> str:
        """The label that the owner gave it, or else its browser and system."""
        return self.info.label or self.model

    def with_label(self, label: str) -> Device:
        """Return a copy with another label."""
        return replace(self, info=replace(self.info, label=label))

    @property
    def model(self) -> str:
        """The browser and system, such as "Firefox on Linux", in the reader's language."""
        return in_words(self.info.user_agent)

    @property
    def kind(self) -> str:
        """The type of device: "computer", "mobile" or "other"."""
        return kind_of(self.info.user_agent)

    @cached_property
    def place(self) -> str:
        """The location, such as "Berlin, Germany", or "" if no GeoIP2 database knows it."""
        return place_name(self.info.ip) if self.info.ip else ""


def of(request: HttpRequest) -> list[Device]:
    """Return the user's devices: the current one first, then the most recently active.

    An anonymous user has none. Costs as many round trips as `sessions.for_user`.
    """
    if not request.user.is_authenticated:
        return []
    unsorted = [_device(info, request) for info in sessions.for_user(request.user)]
    return sorted(unsorted, key=lambda device: not device.is_current)


def get(request: HttpRequest, handle: str) -> Device | None:
    """Return the user's device with this handle, or None.

    None also for somebody else's session, so that its existence is not disclosed. One round trip.
    """
    info = sessions.get(handle)
    if info is None or info.user_id != owners.user_pk(request.user):
        return None
    return _device(info, request)


def end(device: Device) -> bool:
    """End the session. Return False if it has ended already."""
    return device.info.end(reason=REASON)


def end_others(request: HttpRequest) -> int:
    """End all sessions of the user but the current one. Return how many were ended."""
    session: Any = request.session
    return sessions.log_out_everywhere(request.user, keep=session)


def in_words(user_agent: str) -> str:
    """Return the browser and system, such as "Firefox on Linux", in the reader's language."""
    browser, system = parts_of(user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def _device(info: SessionInfo, request: HttpRequest) -> Device:
    return Device(info, info.is_current(request))
