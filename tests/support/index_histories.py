"""Random histories of sessions, in a storage and in the specification."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Set
from datetime import timedelta
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from django_multisession.storage.base import Storage
from django_multisession.storage.memory import MemoryStorage
from support.subjects import Clock

LONGEST = timedelta(days=14)
USERS = st.sampled_from([None, "1", "2"])
LIFETIMES = st.sampled_from([timedelta(seconds=30), timedelta(hours=5), LONGEST])
REAL: list[Any] = []  # the storage under test; hypothesis builds the machines itself


class History(RuleBasedStateMachine):
    """A history of several sessions. An id that was deleted is never used again."""

    def __init__(self, sessions: int) -> None:
        super().__init__()
        self.clock = Clock()
        self.spec, self.real = MemoryStorage(clock=self.clock), REAL[0]
        self.real.clock = self.clock
        self.ids = [fresh() for _ in range(sessions)]

    def both(self, verb: str, *arguments: Any) -> Any:
        answers = [getattr(storage, verb)(*arguments) for storage in (self.spec, self.real)]
        assert answers[0] == answers[1]
        return answers[1]  # with its version

    def ended(self, user: str, kept: int) -> Set[str]:
        """Delete all sessions of the user but one, and return their ids."""
        keep = self.ids[kept]
        ended = [dict(each.delete_matching("user", user, keep)) for each in (self.spec, self.real)]
        assert ended[0] == ended[1]
        return ended[0].keys()


def fresh() -> str:
    return urlsafe_b64encode(uuid4().bytes * 2).decode()[:43]


def go_through(history: type[RuleBasedStateMachine], storage: Storage, steps: int) -> None:
    """Run a few histories of this length against the storage."""
    REAL[:] = [storage]
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=6,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
