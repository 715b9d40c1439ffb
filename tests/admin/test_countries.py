"""Countries of IP addresses, with a minimal GeoIP database and without one."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from django_multisession.admin import charts
from django_multisession.web import geoip
from support.admin_site import PAGE, words
from support.geoip_files import write, write_cities

pytest.importorskip("mmdb_writer")
pytest.importorskip("geoip2")

COUNTRIES = {
    "198.51.100.0/28": "France",
    "198.51.100.16/28": "Japan",
    "2001:db8::/32": "Kenya",
    "203.0.113.0/24": "",  # in the database, without a country
    **{f"192.0.2.{16 * n}/28": f"Country {n}" for n in range(8)},
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("geoip")
    write(path, COUNTRIES)
    return path


@pytest.fixture
def known(directory, settings):
    settings.GEOIP_PATH = str(directory)


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("198.51.100.3", "France"),
        ("198.51.100.20", "Japan"),
        ("2001:db8::1", "Kenya"),
        ("203.0.113.1", ""),
        ("127.0.0.1", ""),
        ("::1", ""),
    ],
)
def test_where_an_address_is(known, ip, country):
    assert geoip.country_of(ip) == country
    assert geoip.country_of(ip) == country


def test_without_a_database_it_is_nowhere(settings):
    settings.GEOIP_PATH = None
    assert geoip.country_of("198.51.100.3") == ""


def test_another_database_is_noticed(known, settings, tmp_path):
    """Only tests change the setting while the process runs."""
    write(tmp_path, {"198.51.100.0/24": "Spain"})
    assert geoip.country_of("198.51.100.3") == "France"
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.country_of("198.51.100.3") == "Spain"


def test_a_database_of_the_old_addresses_only(settings, tmp_path):
    write(tmp_path, {"198.51.100.0/24": "Spain"}, version=4)
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.country_of("198.51.100.3") == "Spain"
    assert geoip.country_of("2001:db8::1") == ""


def countries(office):
    infos = [*sessions.all()]
    *_, chart = charts.make_charts(infos, len(infos), office.clock.now)
    assert chart.title == "Countries"
    return {bar.label: bar.number for bar in chart.bars}


def test_they_are_counted(office, known):
    for ip in ("198.51.100.1", "198.51.100.2", "2001:db8::1", "127.0.0.1", ""):
        office.add(ip=ip)
    assert countries(office) == {"France": "2", "Kenya": "1"}


def test_rare_ones_are_counted_together(office, known):
    for n in range(8):
        office.several(8 - n, ip=f"192.0.2.{16 * n}")
    assert countries(office) == {
        **{f"Country {n}": str(8 - n) for n in range(5)},
        "Others": "6",
    }


def test_five_need_no_others(office, known):
    for n in range(5):
        office.add(ip=f"192.0.2.{16 * n}")
    assert countries(office) == {f"Country {n}": "1" for n in range(5)}


def test_they_are_counted_where_cities_are_known_too(office, settings, tmp_path):
    write_cities(tmp_path, {"198.51.100.0/28": ("Paris", "France"), "192.0.2.0/24": ("", "Kenya")})
    settings.GEOIP_PATH = str(tmp_path)
    for ip in ("198.51.100.1", "198.51.100.2", "192.0.2.1", "127.0.0.1"):
        office.add(ip=ip)
    assert countries(office) == {"France": "2", "Kenya": "1"}


def test_in_the_list(office, known):
    browser = office.root()
    assert "Countries" not in words(browser.get(PAGE))  # the only session is at 127.0.0.1
    office.add(ip="198.51.100.1")
    assert "Countries France 1" in words(browser.get(PAGE))


def test_without_a_database_they_are_not_there(office, settings):
    settings.GEOIP_PATH = None
    office.add(ip="198.51.100.1")
    assert "Countries" not in words(office.root().get(PAGE))


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/x.mmdb"])
def test_a_database_that_is_not_there(office, settings, path):
    """The list is needed in emergencies, so it must not fail because a chart cannot be drawn."""
    settings.GEOIP_PATH = path
    office.add(ip="198.51.100.1")
    browser = office.root()
    browser.raise_request_exception = False
    assert browser.get(PAGE).status_code == 200
