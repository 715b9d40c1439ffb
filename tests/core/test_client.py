from ipaddress import ip_address

import pytest
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.client import remote_addr
from django_multisession.core.client import (
    NOBODY,
    Client,
    clean_ip,
    clean_user_agent,
    device_of,
    network_of,
)
from support.user_agents import CHROME, FIREFOX, IPHONE, NEWER, WEBKIT


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1\n", "192.0.2.1"),
        ("255.255.255.255", "255.255.255.255"),
        ("::1", "::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%25eth0", "fe80::1"),
        ("fe80::1%", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:0201", "192.0.2.1"),
        ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
        ("::192.0.2.1", "::c000:201"),
    ],
)
def test_an_address_in_its_canonical_form(text, address):
    assert clean_ip(text) == address


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "%",
        "unknown",
        "localhost",
        "192.0.2.1:8000",
        "[::1]",
        "[::1]:8000",
        "192.0.2.1, 192.0.2.2",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1/24",
        "3221225985",
        "192.0.2.1\0",
        "\u0661\u0669\u0662.0.2.1",
        "1::2::3",
        "<script>",
        "1" * 10_000,
    ],
)
def test_what_is_no_address(text):
    assert clean_ip(text) is None


@settings(deadline=None)
@given(st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda a: f" {a.exploded.upper()} "))
def test_cleaning_twice_changes_nothing_more(text):
    once = clean_ip(text)
    assert once is not None
    assert clean_ip(once) == once
    assert len(once) <= 45


@settings(deadline=None)
@given(st.text())
def test_no_text_is_too_strange(text):
    assert clean_ip(text) is None or clean_ip(clean_ip(text)) == clean_ip(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        (FIREFOX, FIREFOX),
        ("x" * 512, "x" * 512),
        ("x" * 513, "x" * 512),
        ("x" * 100_000, "x" * 512),
        ("a\0b", "ab"),
        ("a\r\nX-Header: b", "aX-Header: b"),
        ("\x1b[31mred\x7f", "[31mred"),
        ("a\u202eb\u200bc\ufeff", "abc"),
        ("a\ud800b", "ab"),
        ("caf\u00e9 \U0001f36a", "caf\u00e9 \U0001f36a"),
    ],
)
def test_a_user_agent_is_printable_and_not_too_long(text, cleaned):
    assert clean_user_agent(text) == cleaned


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_user_agent_can_be_stored_and_shown(text):
    cleaned = clean_user_agent(text)
    assert cleaned.isprintable()
    assert cleaned.encode().decode() == cleaned
    assert clean_user_agent(cleaned) == cleaned


def test_remote_addr_is_the_peer_of_the_connection():
    request = RequestFactory().get(
        "/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "198.51.100.1"}
    )
    assert remote_addr(request) == "192.0.2.1"


def test_a_connection_may_have_no_address():
    request = RequestFactory().get("/")
    del request.META["REMOTE_ADDR"]
    assert remote_addr(request) is None


def test_nobody_is_a_client_of_whom_nothing_is_known():
    assert Client(None, "") == NOBODY
    assert Client("::1", "") != NOBODY


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        ("", ""),
        (FIREFOX, "Firefox on Linux"),
        (NEWER, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/138.0.0.0", "Edge on Windows"),
        (IPHONE, "Mobile Safari on iOS"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/138.0.0.0", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux)", "Linux"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "Python Requests"),
        ("MyApp/1.0", ""),
        ("x" * 512, ""),
    ],
)
def test_a_device_in_words(user_agent, device):
    assert device_of(user_agent) == device


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters()))
def test_no_user_agent_is_too_strange_for_words(text):
    assert isinstance(device_of(clean_user_agent(text)), str)


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("0.0.0.0", "0.0.0.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("fe80::1", "fe80::/48"),
    ],
)
def test_the_network_of_an_address(ip, network):
    assert str(network_of(ip)) == network


@settings(deadline=None)
@given(st.ip_addresses())
def test_an_address_is_in_its_network(address):
    ip = clean_ip(str(address))
    assert ip_address(ip) in network_of(ip)


HOME = Client("192.0.2.1", FIREFOX)


@pytest.mark.parametrize(
    "other",
    [
        HOME,
        Client("192.0.2.254", FIREFOX),
        Client("192.0.2.1", NEWER),
        Client("192.0.2.254", NEWER),
        Client(None, FIREFOX),
    ],
)
def test_clients_that_resemble_each_other(other):
    assert HOME.resembles(other)
    assert other.resembles(HOME)


@pytest.mark.parametrize(
    "other",
    [
        Client("192.0.3.1", FIREFOX),
        Client("2001:db8::1", FIREFOX),
        Client("192.0.2.1", CHROME),
        Client("192.0.2.1", ""),
        Client("192.0.2.1", FIREFOX.replace("X11; Linux", "Windows NT 10.0;")),
        Client(None, IPHONE),
        NOBODY,
    ],
)
def test_clients_that_do_not(other):
    assert not HOME.resembles(other)
    assert not other.resembles(HOME)


def test_within_a_prefix_of_48_bits_or_not():
    first = Client("2001:db8:1:1::1", FIREFOX)
    assert first.resembles(Client("2001:db8:1:ffff::2", FIREFOX))
    assert not first.resembles(Client("2001:db8:2:1::1", FIREFOX))


@settings(deadline=None, max_examples=50)
@given(*[st.builds(Client, st.none() | st.ip_addresses().map(str).map(clean_ip), st.text())] * 2)
def test_to_resemble_is_mutual(one, other):
    assert one.resembles(one)
    assert one.resembles(other) == other.resembles(one)
