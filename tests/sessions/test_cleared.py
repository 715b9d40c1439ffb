"""`sessions_cleared`: all sessions of everybody ended at once, which is told once."""

from __future__ import annotations

import pytest

from django_multisession import signals
from support.project import failing, hearing, tokens

ADA = {"_auth_user_id": "1"}


def test_it_tells_how_many_there_were(api, clock):
    tokens(api, 2, clock, **ADA)
    tokens(api, 1, clock)
    with hearing(signals.sessions_cleared) as told, hearing(signals.session_ended) as ended:
        assert api.clear() == 3
    assert (told, ended) == ([{"number": 3}], [])


def test_that_there_were_none_is_told_too(quick):
    with hearing(signals.sessions_cleared) as told:
        quick.clear()
    assert told == [{"number": 0}]


def test_it_is_told_after_the_fact_by_the_engines_store(quick, clock, memory_storage):
    tokens(quick, 2, clock)
    seen = []

    def receive(sender, **facts):
        seen.append((sender, [*memory_storage._records]))

    signals.sessions_cleared.connect(receive)
    try:
        quick.clear()
    finally:
        signals.sessions_cleared.disconnect(receive)
    assert seen == [(type(quick.create()), [])]


def test_a_receiver_that_fails_breaks_nothing_and_is_logged(quick, clock, caplog):
    tokens(quick, 2, clock)
    with failing(signals.sessions_cleared), hearing(signals.sessions_cleared) as told:
        assert quick.clear() == 2
    assert told == [{"number": 2}]
    assert "a broken receiver" in caplog.text


def test_what_was_not_cleared_is_not_told(quick, clock, memory_storage, monkeypatch):
    def fail():
        raise ConnectionError

    tokens(quick, 2, clock)
    monkeypatch.setattr(memory_storage, "clear", fail)
    with hearing(signals.sessions_cleared) as told, pytest.raises(ConnectionError):
        quick.clear()
    assert (told, quick.count()) == ([], 2)


@pytest.mark.parametrize("end", ["log_out_everywhere", "end_matching"])
def test_no_other_way_to_end_sessions_is_told_so(quick, clock, end):
    tokens(quick, 2, clock, **ADA)
    arguments = {"log_out_everywhere": [1], "end_matching": ["user", 1]}[end]
    with hearing(signals.sessions_cleared) as told:
        assert getattr(quick, end)(*arguments) == 2
    assert told == []
