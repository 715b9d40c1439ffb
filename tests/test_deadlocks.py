"""Sessions with further references, written by many at once, where the server breaks deadlocks."""

from __future__ import annotations

import threading
from random import Random

import pytest
from django.db import OperationalError, connections

from conftest import make_record
from django_multisession.record import Change
from subjects import STORAGES

pytestmark = pytest.mark.thorough

THREADS, ROUNDS = 6, 40


@pytest.fixture(params=["mariadb", "mysql"])
def storage(request, clock, databases):
    storage = STORAGES[request.param](clock)
    yield storage
    storage.clear()


def test_whoever_moves_the_references_of_the_same_sessions_succeeds(storage, clock):
    """An entry is inserted by INSERT ... SELECT, which locks the table's counter, so that what was
    a deadlock may be called "Failed to read auto-increment value" (1467)."""
    ids = [f"{number:043}" for number in range(3)]
    for id in ids:
        storage.insert(id, make_record(clock, references={"org": "1", "team": "1"}))
    errors = []

    def work(seed):
        random = Random(seed)
        try:
            for number in range(ROUNDS):
                id = random.choice(ids)
                team = str(number) if number % 2 else None
                storage.update(id, Change(references={"org": str(number), "team": team}))
        except OperationalError as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(each,)) for each in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
