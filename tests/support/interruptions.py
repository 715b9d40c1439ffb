"""What is given up in the middle, as by a server of WSGI that lets no request take too long."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 0.1  # seconds


class Enough(BaseException):
    pass


@contextmanager
def given_up() -> Iterator[None]:
    """By a signal, which must come before it is done."""
    before = signal.signal(signal.SIGALRM, _give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        with pytest.raises(Enough):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _give_up(*_: object) -> None:
    raise Enough
