"""Children that are forked while the tests run."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable

from support.servers import DEADLINE, wait_until


def fork(run: Callable[[], object]) -> tuple[int, int]:
    """A child that does this and nothing else. Gives its process and where it complains."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads
        pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    signal.alarm(DEADLINE // 2)  # it does not outlive the tests, whatever it waits for
    try:
        run()
    except BaseException:
        os.write(theirs, traceback.format_exc().encode())
    finally:
        os._exit(0)


def complaint(pid: int, pipe: int) -> str:
    """When it has ended."""
    statuses: list[int] = []

    def has_ended() -> bool:
        ended, status = os.waitpid(pid, os.WNOHANG)
        statuses.extend([status] * bool(ended))
        return bool(ended)

    wait_until(has_ended, f"the end of child {pid}")
    with open(pipe) as file:
        return file.read() or "".join(f"ended with {status}" for status in statuses if status)
