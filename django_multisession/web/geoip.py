"""Locations of IP addresses, by Django's GeoIP2, if GEOIP_PATH names a database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from .. import conf

logger = logging.getLogger(__name__)

Location = tuple[str, str]  # city and country, in English; "" if unknown
UNKNOWN: Location = ("", "")


def country_of(ip: str) -> str:
    """Return the country's name in English, or "" if unknown. Reads a file; no network request."""
    return _lookup()(ip)[1]


def place_name(ip: str) -> str:
    """Return the city and the country as far as known: "Berlin, Germany", "Germany" or ""."""
    return ", ".join(filter(None, _lookup()(ip)))


@conf.cached_setting
def _lookup() -> Callable[[str], Location]:
    """The function that looks an IP address up. Without a usable database it finds nothing."""
    if conf.has_geoip():
        try:
            return _open_database()
        except Exception as error:  # any reader's; a missing location is not worth an error page
            logger.warning("The database of GEOIP_PATH cannot be read: %s", error)
    return lambda ip: UNKNOWN


def _open_database() -> Callable[[str], Location]:
    """Open the database and return a cached lookup in it."""
    from django.contrib.gis.geoip2 import GeoIP2
    from geoip2.errors import AddressNotFoundError

    database = GeoIP2()
    find = database.city if database.is_city else database.country

    @lru_cache(maxsize=4096)
    def lookup(ip: str) -> Location:
        try:
            found = find(ip)
        except (AddressNotFoundError, ValueError):  # ValueError: IPv6 in a database of IPv4
            return UNKNOWN
        return str(found.get("city") or ""), str(found["country_name"] or "")

    return lookup
