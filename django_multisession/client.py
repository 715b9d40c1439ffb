"""The client of a request: its IP address, by MULTISESSION_CLIENT_IP, and its user agent."""

from __future__ import annotations

from django.http import HttpRequest

from . import conf
from .core.client import Client, clean_ip, clean_user_agent


def remote_addr(request: HttpRequest) -> str | None:
    """Return the IP address of the connection's peer. The default of MULTISESSION_CLIENT_IP."""
    return request.META.get("REMOTE_ADDR")


def client_of(request: HttpRequest) -> Client:
    """Return the cleaned IP address and user agent of the request's sender."""
    user_agent = request.META.get("HTTP_USER_AGENT", "")
    return Client(clean_ip(conf.client_ip()(request)), clean_user_agent(user_agent))
