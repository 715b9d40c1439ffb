"""The signal `sessions_cleared`: sent once when all sessions of everybody are ended."""

from __future__ import annotations

import pytest

from django_multisession import signals
from support.project import failing, hearing, tokens

ADA = {"_auth_user_id": "1"}


def test_it_has_the_number_of_sessions(api, clock):
    tokens(api, 2, clock, **ADA)
    tokens(api, 1, clock)
    with hearing(signals.sessions_cleared) as cleared, hearing(signals.session_ended) as ended:
        assert api.clear() == 3
    assert (cleared, ended) == ([{"number": 3}], [])


def test_it_is_sent_without_sessions_too(quick):
    with hearing(signals.sessions_cleared) as cleared:
        quick.clear()
    assert cleared == [{"number": 0}]


def test_it_is_sent_afterwards_by_the_engines_store(quick, clock, memory_storage):
    tokens(quick, 2, clock)
    received = []

    def receive(sender, **arguments):
        received.append((sender, memory_storage.count()))

    signals.sessions_cleared.connect(receive)
    try:
        quick.clear()
    finally:
        signals.sessions_cleared.disconnect(receive)
    assert received == [(type(quick.create()), 0)]


def test_a_receiver_that_fails_breaks_nothing_and_is_logged(quick, clock, caplog):
    tokens(quick, 2, clock)
    with failing(signals.sessions_cleared), hearing(signals.sessions_cleared) as cleared:
        assert quick.clear() == 2
    assert cleared == [{"number": 2}]
    assert "a broken receiver" in caplog.text


def test_it_is_not_sent_if_clearing_fails(quick, clock, memory_storage, monkeypatch):
    def fail():
        raise ConnectionError

    tokens(quick, 2, clock)
    monkeypatch.setattr(memory_storage, "clear", fail)
    with hearing(signals.sessions_cleared) as cleared, pytest.raises(ConnectionError):
        quick.clear()
    assert (cleared, quick.count()) == ([], 2)


@pytest.mark.parametrize("end", ["log_out_everywhere", "end_matching"])
def test_no_other_way_to_end_sessions_sends_it(quick, clock, end):
    tokens(quick, 2, clock, **ADA)
    arguments = {"log_out_everywhere": [1], "end_matching": ["user", 1]}[end]
    with hearing(signals.sessions_cleared) as cleared:
        assert getattr(quick, end)(*arguments) == 2
    assert cleared == []
