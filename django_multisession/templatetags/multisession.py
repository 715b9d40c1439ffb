"""Template tags for a project's own pages about sessions: ``{% load multisession %}``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString

from .. import devices as user_devices
from ..core.client import kind_of
from ..devices import Device
from ..web import geoip, humanize

register = template.Library()


@register.simple_tag(takes_context=True)
def devices(context: dict[str, Any]) -> list[Device]:
    """Return the user's devices, the current one first: ``{% devices as mine %}``.

    Costs as many round trips as `sessions.for_user`.
    """
    request = context.get("request")
    if request is None:
        processor = "django.template.context_processors.request"
        raise ImproperlyConfigured(
            f"{{% devices %}} needs the request: add the context processor {processor!r}."
        )
    return user_devices.of(request)


@register.filter
def ago(moment: datetime) -> SafeString:
    """Return the time as "5 minutes ago", with the exact time in the markup.

    ``{{ device.info.last_seen_at|ago }}``
    """
    return humanize.ago(moment)


@register.filter
def device(user_agent: str) -> str:
    """Return "Firefox on Linux", in the reader's language: ``{{ user_agent|device }}``."""
    return user_devices.in_words(user_agent)


@register.filter
def device_kind(user_agent: str) -> str:
    """Return "computer", "mobile" or "other": ``{{ user_agent|device_kind }}``."""
    return kind_of(user_agent)


@register.filter
def place(ip: str | None) -> str:
    """Return "Berlin, Germany", or "" if no GeoIP2 database knows it: ``{{ ip|place }}``."""
    return geoip.place_name(ip) if ip else ""
