"""What a request tells of its client: the address and the user agent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Systems, by the names of ua-parser.
MOBILE = {"Android", "BlackBerry OS", "HarmonyOS", "KaiOS", "Tizen", "Windows Phone", "iOS"}
COMPUTER = {"Chrome OS", "Debian", "Fedora", "FreeBSD", "Linux", "Mac OS X", "OpenBSD", "Ubuntu"}
COMPUTER |= {"Windows"}

PARSED = 256  # characters of a user agent, by ua-parser
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


def device_of(user_agent: str) -> str:
    """In words: "Firefox on Linux", "Mobile Safari on iOS", "curl"; "" where it tells nothing."""
    return " on ".join(filter(None, parts_of(user_agent)))


def parts_of(user_agent: str) -> tuple[str, str]:
    """Browser and system: ("Firefox", "Linux"); "" for what it does not tell."""
    return _browser_of(user_agent), _system_of(user_agent)


def kind_of(user_agent: str) -> str:
    """Of its device: "computer", "mobile", or "other" for scripts and whatever tells nothing."""
    system = _system_of(user_agent)
    return "mobile" if system in MOBILE else "computer" if system in COMPUTER else "other"


# Imported late, because it takes 70 ms and few processes ask. Of hostile user agents the rest takes
# its time.


@lru_cache(maxsize=4096)  # a tenth of a millisecond else
def _system_of(user_agent: str) -> str:
    """Its family, as ua-parser calls it; "" where that knows none."""
    from ua_parser import parse_os

    system = parse_os(user_agent[:PARSED])
    return system.family if system else ""


@lru_cache(maxsize=4096)  # a millisecond else
def _browser_of(user_agent: str) -> str:
    from ua_parser import parse_user_agent

    browser = parse_user_agent(user_agent[:PARSED])
    return browser.family if browser else ""


def clean_user_agent(text: str) -> str:
    """Printable characters only, truncated: it is the client's to choose, so it may be anything."""
    kept = text[:USER_AGENT_LENGTH]
    return kept if kept.isprintable() else "".join(filter(str.isprintable, kept))
