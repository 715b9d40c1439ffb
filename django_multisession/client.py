"""What a request tells of its client: the address and the user agent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.http import HttpRequest

USER_AGENT_LENGTH = 512  # characters kept; longer ones are truncated


@dataclass(frozen=True, slots=True)
class Client:
    """An address in its canonical form, or None, and a user agent, perhaps empty."""

    ip: str | None
    user_agent: str

    def resembles(self, other: Client) -> bool:
        """The same network, as far as both are known, and the same device?"""
        networks = {network_of(ip) for ip in (self.ip, other.ip) if ip}
        return len(networks) < 2 and device_of(self.user_agent) == device_of(other.user_agent)


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


@lru_cache(maxsize=1024)
def network_of(ip: str) -> IPv4Network | IPv6Network:
    """What a provider gives to one customer, or to a few: /24, of IPv6 /48."""
    length = 48 if ":" in ip else 24
    return ip_network(f"{ip}/{length}", strict=False)


@lru_cache(maxsize=1024)  # a millisecond else
def device_of(user_agent: str) -> str:
    """In words: "Firefox on Linux", "Mobile Safari on iOS", "curl"; "" where it tells nothing."""
    from ua_parser import parse  # takes 70 ms to import, and few processes ask

    parsed = parse(user_agent[:256])  # of hostile ones the rest takes its time
    browser, system = (part and part.family for part in (parsed.user_agent, parsed.os))
    return " on ".join(part for part in (browser, system) if part)


def clean_user_agent(text: str) -> str:
    """Printable characters only, truncated: it is the client's to choose, so it may be anything."""
    kept = text[:USER_AGENT_LENGTH]
    return kept if kept.isprintable() else "".join(filter(str.isprintable, kept))
