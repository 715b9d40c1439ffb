"""Where an address is, if Django's GeoIP2 has a database: GEOIP_PATH names it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

from . import conf

logger = logging.getLogger(__name__)


def country_of(ip: str) -> str:
    """Its name, in English; "" where it is not known. A lookup in a file, no request."""
    return _lookup()(ip)


@conf.kept
def _lookup() -> Callable[[str], str]:
    if conf.knows_countries():
        try:
            return _opened()
        except Exception as error:  # of whatever reads it; and what is missing then is a picture
            logger.warning("The database of GEOIP_PATH cannot be read: %s", error)
    return lambda ip: ""


def _opened() -> Callable[[str], str]:
    from django.contrib.gis.geoip2 import GeoIP2
    from geoip2.errors import AddressNotFoundError

    database = GeoIP2()

    @lru_cache(maxsize=4096)
    def lookup(ip: str) -> str:
        try:
            return str(database.country(ip)["country_name"] or "")
        except (AddressNotFoundError, ValueError):  # of IPv6, a database of IPv4
            return ""

    return lookup
