"""Child processes that are forked while the tests run."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable

from support.servers import DEADLINE, wait_until


def fork(run: Callable[[], object]) -> tuple[int, int]:
    """Fork a child that runs the function. Return its process id and the pipe for its traceback."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python warns because there are threads
        pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    signal.alarm(DEADLINE // 2)  # the child must not outlive the tests
    try:
        run()
    except BaseException:
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(0)


def complaint(pid: int, pipe: int) -> str:
    """Wait for the child to end. Return its traceback, or how it ended, or ""."""
    statuses: list[int] = []

    def has_ended() -> bool:
        ended, status = os.waitpid(pid, os.WNOHANG)
        statuses.extend([status] * bool(ended))
        return bool(ended)

    wait_until(has_ended, f"the end of child {pid}")
    with open(pipe) as file:
        return file.read() or "".join(f"ended with {status}" for status in statuses if status)
