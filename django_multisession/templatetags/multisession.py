"""``{% load multisession %}``: what a project's own pages tell of sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString

from .. import devices as own
from ..core.client import kind_of
from ..devices import Device
from ..web import geoip, humanize

register = template.Library()


@register.simple_tag(takes_context=True)
def devices(context: dict[str, Any]) -> list[Device]:
    """``{% devices as mine %}``: where the user is signed in, this device first. As many round
    trips as `sessions.for_user`."""
    request = context.get("request")
    if request is None:
        processor = "django.template.context_processors.request"
        raise ImproperlyConfigured(f"{{% devices %}} needs the request: add {processor!r}.")
    return own.of(request)


@register.filter
def ago(moment: datetime) -> SafeString:
    """``{{ device.info.last_seen_at|ago }}``: "5 minutes ago", and the exact time in the markup."""
    return humanize.ago(moment)


@register.filter
def device(user_agent: str) -> str:
    """``{{ user_agent|device }}``: "Firefox on Linux", in the reader's language."""
    return own.in_words(user_agent)


@register.filter
def device_kind(user_agent: str) -> str:
    """``{{ user_agent|device_kind }}``: "computer", "mobile" or "other"."""
    return kind_of(user_agent)


@register.filter
def place(ip: str | None) -> str:
    """``{{ ip|place }}``: "Berlin, Germany", where a database of GeoIP2 knows it; else ""."""
    return geoip.place_of(ip) if ip else ""
