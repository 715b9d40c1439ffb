import pytest
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.client import NOBODY, Client, clean_ip, clean_user_agent, remote_addr

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


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
        (BROWSER, BROWSER),
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
