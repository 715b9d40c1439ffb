"""Minimal GeoIP databases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, places: Mapping[str, str], version: int = 6) -> None:
    """Write a country database into a directory.

    ``places``: network -> country, or "" for a network without a country.
    """
    entries = {network: _country_entry(country) for network, country in places.items()}
    _write(path, "GeoLite2-Country", entries, version)


def write_cities(path: Path, places: Mapping[str, tuple[str, str]], version: int = 6) -> None:
    """Write a city database: network -> city and country, each may be "".

    The city has another name in German.
    """
    entries = {}
    for network, (city, country) in places.items():
        names = {"city": {"names": {"en": city, "de": f"{city} auf Deutsch"}}} if city else {}
        entries[network] = {**names, **_country_entry(country)}
    _write(path, "GeoLite2-City", entries, version)


def _country_entry(country: str) -> dict[str, Any]:
    return {"country": {"iso_code": "XX", "names": {"en": country}}} if country else {}


def _write(path: Path, kind: str, entries: Mapping[str, Any], version: int) -> None:
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

    writer = MMDBWriter(version, kind, ipv4_compatible=version == 6)
    for network, entry in entries.items():
        writer.insert_network(IPSet([network]), entry)
    writer.to_db_file(str(path / f"{kind}.mmdb"))
