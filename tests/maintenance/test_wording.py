"""Numbers of sessions in reports and commands."""

from __future__ import annotations

import pytest

from django_multisession.maintenance.wording import count_noun, list_sessions


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions"), (1200, "1,200 sessions")],
)
def test_a_number_and_its_noun(number, words):
    assert count_noun(number, "session") == words


@pytest.mark.parametrize(
    ("handles", "words"),
    [
        (["a"], "1 session (a)"),
        (["a", "b", "c"], "3 sessions (a, b, c)"),
        (["a", "b", "c", "d"], "4 sessions (a, b, c, ...)"),
    ],
)
def test_a_list_names_three_handles_at_most(handles, words):
    assert list_sessions(handles) == words
