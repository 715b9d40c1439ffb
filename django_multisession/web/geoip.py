"""Where an address is, if Django's GeoIP2 has a database: GEOIP_PATH names it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from .. import conf

logger = logging.getLogger(__name__)

Location = tuple[str, str]  # city and country, in English; "" for what is not known
UNKNOWN: Location = ("", "")


def country_of(ip: str) -> str:
    """Its name, in English; "" where it is not known. A lookup in a file, no request."""
    return _lookup()(ip)[1]


def place_of(ip: str) -> str:
    """In words, as far as the database knows: "Berlin, Germany", "Germany", ""."""
    return ", ".join(filter(None, _lookup()(ip)))


@conf.cached_setting
def _lookup() -> Callable[[str], Location]:
    if conf.has_geoip():
        try:
            return _opened()
        except Exception as error:  # of whatever reads it; and what is missing then is a word
            logger.warning("The database of GEOIP_PATH cannot be read: %s", error)
    return lambda ip: UNKNOWN


def _opened() -> Callable[[str], Location]:
    from django.contrib.gis.geoip2 import GeoIP2
    from geoip2.errors import AddressNotFoundError

    database = GeoIP2()
    find = database.city if database.is_city else database.country

    @lru_cache(maxsize=4096)
    def lookup(ip: str) -> Location:
        try:
            found = find(ip)
        except (AddressNotFoundError, ValueError):  # of IPv6, a database of IPv4
            return UNKNOWN
        return str(found.get("city") or ""), str(found["country_name"] or "")

    return lookup
