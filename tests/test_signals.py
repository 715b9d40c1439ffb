"""The signal `client_changed`: sent for another network or device, and for nothing less."""

from __future__ import annotations

import pytest

from django_multisession import signals
from django_multisession.core.client import NOBODY, Client
from support.project import failing, hearing
from support.user_agents import CHROME, FIREFOX, NEWER

HOME = Client("192.0.2.1", FIREFOX)


@pytest.fixture
def used(store, dialect, clock):
    """Return a function that uses a session as one client and, later, as another.

    The function returns the arguments of the signals that were sent."""

    def use(before, after, *, saves=False):
        holder = store()
        holder.describe_client = lambda: before
        holder["_auth_user_id"] = "1"
        holder.save()
        again = store(holder.session_key)
        again.describe_client = lambda: after
        clock.advance(minutes=5)
        with hearing(signals.client_changed) as sent:
            session = dialect(again)
            if saves:
                session.update({"note": 1})
            session.save()
        return sent

    return use


OTHERS = {
    "network": Client("198.51.100.1", FIREFOX),
    "device": Client("192.0.2.1", CHROME),
    "both": Client("198.51.100.1", CHROME),
    "from IPv4 to IPv6": Client("2001:db8::1", FIREFOX),
    "next network": Client("192.0.3.1", FIREFOX),
}
SAME = {
    "itself": HOME,
    "address of the same /24": Client("192.0.2.99", FIREFOX),
    "version": Client("192.0.2.1", NEWER),
    "address and version": Client("192.0.2.99", NEWER),
    "unknown address": Client(None, FIREFOX),
    "unknown user agent": Client("192.0.2.1", ""),
    "unknown": NOBODY,
}


@pytest.mark.parametrize("saves", [False, True], ids=["touch", "save"])
@pytest.mark.parametrize("after", OTHERS.values(), ids=OTHERS)
def test_another_network_or_device_is_told(used, after, saves):
    (sent,) = used(HOME, after, saves=saves)
    assert len(sent.pop("handle")) == 43
    assert sent == {"references": {"user": "1"}, "before": HOME, "after": after}


@pytest.mark.parametrize("saves", [False, True], ids=["touch", "save"])
@pytest.mark.parametrize("after", SAME.values(), ids=SAME)
def test_what_changes_all_the_time_is_not(used, after, saves):
    assert used(HOME, after, saves=saves) == []


def test_ipv6_is_by_prefix(used):
    home = Client("2001:db8:1:1::1", FIREFOX)
    assert used(home, Client("2001:db8:1:ffff::2", FIREFOX)) == []
    assert len(used(home, Client("2001:db8:2::1", FIREFOX))) == 1


def test_of_whom_nothing_was_known_nothing_has_changed(used):
    assert used(NOBODY, HOME) == []


def test_a_network_that_was_unknown_is_no_other(used):
    assert used(Client(None, FIREFOX), HOME) == []


def test_little_by_little_is_noted_though_not_told(used, store):
    """A client is compared with the one that was stored last."""
    used(HOME, Client("192.0.2.99", NEWER))
    ((_, record),) = store.storage.page()[0]
    assert Client(record.ip, record.user_agent) == Client("192.0.2.99", NEWER)


def test_it_is_told_once(store, clock):
    holder = store()
    holder.describe_client = lambda: HOME
    holder.save()
    with hearing(signals.client_changed) as sent:
        for _ in range(3):
            again = store(holder.session_key)
            again.describe_client = lambda: OTHERS["both"]
            clock.advance(minutes=5)
            again.touch()
    assert len(sent) == 1


def test_a_receiver_that_fails_breaks_nothing_and_is_logged(used, caplog):
    with failing(signals.client_changed):
        assert len(used(HOME, OTHERS["both"])) == 1
    assert "a broken receiver" in caplog.text


@pytest.mark.parametrize("storage", ["memory"], indirect=True)
def test_over_http(site, clock):
    site.get("/sync_count", REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT=FIREFOX)
    clock.advance(minutes=5)
    with hearing(signals.client_changed) as sent:
        site.get("/look", REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT=NEWER)
        clock.advance(minutes=5)
        site.get("/look", REMOTE_ADDR="198.51.100.1", HTTP_USER_AGENT=CHROME)
    (facts,) = sent
    assert facts["before"] == Client("192.0.2.7", NEWER)
    assert facts["after"] == Client("198.51.100.1", CHROME)
