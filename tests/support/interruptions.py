"""Interruption of a call, as by a WSGI server that limits the time of a request."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

TIMEOUT = 0.1  # seconds


class Interrupted(BaseException):
    pass


@contextmanager
def given_up() -> Iterator[None]:
    """Interrupt the block by a signal, which must arrive before the block ends."""
    before = signal.signal(signal.SIGALRM, _interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
        with pytest.raises(Interrupted):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt(*_: object) -> None:
    raise Interrupted
