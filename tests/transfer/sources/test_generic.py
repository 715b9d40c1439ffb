"""`sources.generic`: an engine about which nothing is known but Django's contract."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.transfer.base import NotListable
from support import old_engines

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def previous(relations, request):
    yield from old_engines.opened("other", request)


def test_a_session_is_found_and_removed_once(previous):
    key = previous.keep(**ADA)
    record = previous.source.find(key)
    assert (record.fields["cart"], record.references) == (b"[1]", {"user": "7"})
    assert [previous.source.remove(key), previous.source.remove(key)] == [True, False]
    assert previous.source.find(key) is None


def test_an_unknown_key_and_an_empty_session_are_not_found(previous):
    assert previous.source.find(keys.new_key()) is None
    assert previous.source.find(previous.keep()) is None


def test_a_session_that_the_engine_stored_under_another_key_is_not_found(previous, monkeypatch):
    """An engine that changes the key when it loads a session must not lend it to the old key."""
    key, other = previous.keep(**ADA), previous.keep(**ADA)
    load = previous.store.load

    def load_and_change_key(holder):
        data = load(holder)
        holder._session_key = other
        return data

    monkeypatch.setattr(previous.store, "load", load_and_change_key)
    assert previous.source.find(key) is None


def test_the_sessions_cannot_be_listed(previous):
    for verb in (previous.source.iterate, previous.source.count):
        with pytest.raises(NotListable, match=rf"no known way .* \({previous.engine}\)"):
            verb()
