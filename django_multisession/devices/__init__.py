"""The sessions of whoever sends a request, as pages and clients show them to their owner."""

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
from ..web.geoip import place_of

REASON = "ended_by_user"  # what session_ended tells


@dataclass(frozen=True)
class Device:
    """A session, and how to call it. Texts may hold whatever people and clients like: escape
    them."""

    info: SessionInfo
    is_current: bool  # is it the one of the request?

    @property
    def name(self) -> str:
        """The label that its owner gave it, or else what it is."""
        return self.info.label or self.model

    def called(self, label: str) -> Device:
        """The same with another label."""
        return replace(self, info=replace(self.info, label=label))

    @property
    def model(self) -> str:
        """ "Firefox on Linux"."""
        return in_words(self.info.user_agent)

    @property
    def kind(self) -> str:
        """ "computer", "mobile" or "other"."""
        return kind_of(self.info.user_agent)

    @cached_property
    def place(self) -> str:
        """ "Berlin, Germany", where a database of Django's GeoIP2 knows it; else ""."""
        return place_of(self.info.ip) if self.info.ip else ""


def of(request: HttpRequest) -> list[Device]:
    """This one first, then the most recently active. Nobody has none."""
    if not request.user.is_authenticated:
        return []
    found = [_device(info, request) for info in sessions.for_user(request.user)]
    return sorted(found, key=lambda device: not device.is_current)


def get(request: HttpRequest, handle: str) -> Device | None:
    """None: there is none, or it is somebody else's, which nobody is told. One round trip."""
    info = sessions.get(handle)
    if info is None or info.user_id != owners.user_pk(request.user):
        return None
    return _device(info, request)


def end(device: Device) -> bool:
    """False: it has ended meanwhile."""
    return device.info.end(reason=REASON)


def end_others(request: HttpRequest) -> int:
    """All but the one of the request; how many there were."""
    session: Any = request.session
    return sessions.log_out_everywhere(request.user, keep=session)


def in_words(user_agent: str) -> str:
    """ "Firefox on Linux", in the reader's language."""
    browser, system = parts_of(user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def _device(info: SessionInfo, request: HttpRequest) -> Device:
    return Device(info, info.is_current(request))
