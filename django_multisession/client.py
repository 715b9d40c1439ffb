"""What a request tells of its client: the address and the user agent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest

USER_AGENT_LENGTH = 512  # characters kept; longer ones are truncated


@dataclass(frozen=True, slots=True)
class Client:
    """An address in its canonical form, or None, and a user agent, perhaps empty."""

    ip: str | None
    user_agent: str


NOBODY = Client(None, "")  # nothing is known


def remote_addr(request: HttpRequest) -> str | None:
    """The default of MULTISESSION_CLIENT_IP: the peer of the connection."""
    return request.META.get("REMOTE_ADDR")


@lru_cache(maxsize=1024)  # the same few addresses come again and again
def clean_ip(text: str | None) -> str | None:
    """The address in its canonical form; None for anything that is not an address.

    A zone (``fe80::1%eth0``) is dropped, an IPv4 address inside an IPv6 one is taken out.
    """
    try:
        address = ip_address((text or "").strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def clean_user_agent(text: str) -> str:
    """Printable characters only, truncated: it is the client's to choose, so it may be anything."""
    kept = text[:USER_AGENT_LENGTH]
    return kept if kept.isprintable() else "".join(filter(str.isprintable, kept))
