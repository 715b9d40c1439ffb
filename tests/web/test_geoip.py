"""Locations of IP addresses: with a database of cities, with one of countries, and without."""

from __future__ import annotations

import pytest

from django_multisession.web import geoip
from support.admin_site import words
from support.device_pages import END_OTHERS, PAGE, cards, url
from support.geoip_files import write, write_cities

pytest.importorskip("mmdb_writer")
pytest.importorskip("geoip2")

CITIES = {
    "198.51.100.0/28": ("Berlin", "Germany"),
    "198.51.100.16/28": ("", "Japan"),
    "2001:db8::/32": ("Nairobi", "Kenya"),
    "203.0.113.0/24": ("Atlantis", ""),
    "192.0.2.0/28": ("", ""),  # known, but without a location
    "192.0.2.16/28": ("<b>&", "Nowhere\"'"),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("cities")
    write_cities(path, CITIES)
    return path


@pytest.fixture
def known(directory, settings):
    settings.GEOIP_PATH = str(directory)


@pytest.mark.parametrize(
    ("ip", "place", "country"),
    [
        ("198.51.100.3", "Berlin, Germany", "Germany"),
        ("198.51.100.20", "Japan", "Japan"),
        ("2001:db8::1", "Nairobi, Kenya", "Kenya"),
        ("203.0.113.1", "Atlantis", ""),
        ("192.0.2.1", "", ""),
        ("127.0.0.1", "", ""),
        ("::1", "", ""),
    ],
)
def test_where_an_address_is(known, ip, place, country):
    for _ in range(2):  # the second time from the cache
        assert (geoip.place_name(ip), geoip.country_of(ip)) == (place, country)


def test_in_english_whatever_the_language(known, settings):
    settings.LANGUAGE_CODE = "de"
    assert geoip.place_name("198.51.100.3") == "Berlin, Germany"


def test_where_only_countries_are_known(settings, tmp_path):
    write(tmp_path, {"198.51.100.0/24": "Spain"})
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.place_name("198.51.100.3") == "Spain"
    assert geoip.place_name("192.0.2.1") == ""


def test_where_both_are_there_cities_are_told(known, directory, tmp_path, settings):
    write(tmp_path, {"198.51.100.0/24": "Spain"})
    write_cities(tmp_path, {"198.51.100.0/24": ("Madrid", "Spain")})
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.place_name("198.51.100.3") == "Madrid, Spain"


def test_a_database_of_the_old_addresses_only(settings, tmp_path):
    write_cities(tmp_path, {"198.51.100.0/24": ("Madrid", "Spain")}, version=4)
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.place_name("198.51.100.3") == "Madrid, Spain"
    assert geoip.place_name("2001:db8::1") == ""


@pytest.mark.parametrize("path", [None, "", "/nowhere", "/nowhere/x.mmdb"])
def test_without_a_database_it_is_nowhere(settings, path):
    settings.GEOIP_PATH = path
    assert geoip.place_name("198.51.100.3") == ""


def test_what_is_no_database(settings, tmp_path, caplog):
    (tmp_path / "GeoLite2-City.mmdb").write_bytes(b"not a database")
    settings.GEOIP_PATH = str(tmp_path)
    assert geoip.place_name("198.51.100.3") == ""
    assert "GEOIP_PATH" in caplog.text


class TestOnThePages:
    def test_it_stands_with_the_device(self, known, home, ada, mine):
        home.add(ada, ip="198.51.100.3")
        current, other = cards(mine.get(PAGE))
        assert other.startswith("Firefox on Linux Berlin, Germany 198.51.100.3 Last seen")
        assert current.startswith("Firefox on Linux This device 127.0.0.1 Last seen")

    def test_and_among_all_others(self, known, home, ada, mine):
        home.add(ada, ip="198.51.100.20", label="Phone")
        assert "Phone Japan" in words(mine.get(END_OTHERS))

    def test_its_name_is_text(self, known, home, ada, mine):
        handle = home.add(ada, ip="192.0.2.20")
        for page in (PAGE, END_OTHERS, url(handle, "end")):
            html = mine.get(page).content.decode()
            assert "&lt;b&gt;&amp;, Nowhere" in html
            assert "<b>" not in html

    def test_a_database_that_cannot_be_read_is_no_error(self, settings, home, ada, mine):
        settings.GEOIP_PATH = "/nowhere"
        home.add(ada, ip="198.51.100.3")
        assert "Firefox on Linux 198.51.100.3" in cards(mine.get(PAGE))[1]
