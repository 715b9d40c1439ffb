"""Concurrent writes of the same sessions, during which the server resolves deadlocks."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from django_multisession.core.record import Change
from support.subjects import STORAGES, make_record
from support.together import at_once, few_connections, threads  # noqa: F401 - close connections

pytestmark = pytest.mark.thorough

MOVING, INSERTING = 6, 16  # threads
ROUNDS = 40


@pytest.fixture(params=["mariadb", "mysql"])
def mysql_storage(request, clock, databases):
    mysql_storage = STORAGES[request.param](clock)
    yield mysql_storage
    mysql_storage.clear()


def test_whoever_moves_the_references_of_the_same_sessions_succeeds(mysql_storage, clock):
    """An index entry is inserted by INSERT ... SELECT, which locks the table's counter. A deadlock
    may therefore be reported as "Failed to read auto-increment value" (1467)."""
    ids = [f"{number:043}" for number in range(3)]
    for id in ids:
        mysql_storage.insert(id, make_record(clock, references={"org": "1", "team": "1"}))

    def work(seed):
        random = Random(seed)
        for number in range(ROUNDS):
            team = str(number) if number % 2 else None
            references = {"org": str(number), "team": team}
            mysql_storage.update(random.choice(ids), Change(references=references))

    assert at_once([partial(work, seed) for seed in range(MOVING)]) == [None] * MOVING


@pytest.mark.parametrize("references", [{"user": "1"}, {"org": "1"}], ids=["column", "index"])
def test_whoever_inserts_what_was_just_deleted_is_told_who_was_first(
    mysql_storage, clock, references
):
    """InnoDB lets all of them lock the remains of the deleted row, and then lets none insert."""
    id, record = "A" * 43, make_record(clock, references=references)
    for _ in range(ROUNDS):
        mysql_storage.insert(id, record)
        mysql_storage.delete(id)
        answers = at_once([lambda: mysql_storage.insert(id, record)] * INSERTING)
        assert sorted(answers, key=str) == [False] * (INSERTING - 1) + [True]
        mysql_storage.delete(id)
