"""The client of a request: its IP address and its user agent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Operating systems, as ua-parser names them.
MOBILE = {"Android", "BlackBerry OS", "HarmonyOS", "KaiOS", "Tizen", "Windows Phone", "iOS"}
COMPUTER = {"Chrome OS", "Debian", "Fedora", "FreeBSD", "Linux", "Mac OS X", "OpenBSD", "Ubuntu"}
COMPUTER |= {"Windows"}

PARSED_LENGTH = 256  # characters of a user agent that ua-parser is given
USER_AGENT_LENGTH = 512  # characters stored; longer user agents are truncated


@dataclass(frozen=True, slots=True)
class Client:
    """An IP address in its canonical form, or None, and a user agent, which may be empty."""

    ip: str | None
    user_agent: str

    def resembles(self, other: Client) -> bool:
        """Return whether both have the same network and the same device.

        An unknown IP address has every network. Other versions of a browser are the same device.
        """
        networks = {network_of(ip) for ip in (self.ip, other.ip) if ip}
        return len(networks) < 2 and device_of(self.user_agent) == device_of(other.user_agent)


NOBODY = Client(None, "")  # a client of which nothing is known


@lru_cache(maxsize=1024)  # most requests come from few addresses
def clean_ip(text: str | None) -> str | None:
    """Return the IP address in its canonical form, or None for text that is not an IP address.

    A zone (``fe80::1%eth0``) is dropped. An IPv4-mapped IPv6 address becomes the IPv4 address.
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
    """Return the network of the IP address: /24, or /48 for IPv6.

    These are sizes that a provider assigns to one customer, or to a few.
    """
    length = 48 if ":" in ip else 24
    return ip_network(f"{ip}/{length}", strict=False)


def device_of(user_agent: str) -> str:
    """Return the device in words: "Firefox on Linux", "curl", or "" if it is unknown."""
    return " on ".join(filter(None, parts_of(user_agent)))


def parts_of(user_agent: str) -> tuple[str, str]:
    """Return browser and operating system: ("Firefox", "Linux"). Each is "" if it is unknown."""
    return _browser_of(user_agent), _system_of(user_agent)


def kind_of(user_agent: str) -> str:
    """Return "computer", "mobile", or "other" for scripts and unknown devices."""
    system = _system_of(user_agent)
    return "mobile" if system in MOBILE else "computer" if system in COMPUTER else "other"


# ua-parser is imported late, because that takes 70 ms and few processes need it. It is given only
# the beginning of a user agent: parsing the rest of a hostile one would take long.


@lru_cache(maxsize=4096)  # a tenth of a millisecond without
def _system_of(user_agent: str) -> str:
    """Return the operating system as ua-parser names it, or "" if it knows none."""
    from ua_parser import parse_os

    system = parse_os(user_agent[:PARSED_LENGTH])
    return system.family if system else ""


@lru_cache(maxsize=4096)  # a millisecond without
def _browser_of(user_agent: str) -> str:
    """Return the browser as ua-parser names it, or "" if it knows none."""
    from ua_parser import parse_user_agent

    browser = parse_user_agent(user_agent[:PARSED_LENGTH])
    return browser.family if browser else ""


def clean_user_agent(text: str) -> str:
    """Return the printable characters, truncated. A client may send any text as its user agent."""
    text = text[:USER_AGENT_LENGTH]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))
