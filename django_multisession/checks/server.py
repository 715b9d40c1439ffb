"""What is wrong with the server, which is asked: ``manage.py check --database default``."""

from __future__ import annotations

from .. import engine
from .common import Messages, error, warning

# What a storage finds -> the number of its message: of a warning, or of an error, where sessions
# cannot be kept as it is.
NUMBERS = {"eviction": 20, "persistence": 21, "memory": 22, "unknown": 23, "ttl": 24}
NUMBERS |= {"clock": 25, "vacuum": 26}
FATAL = {"missing": 20, "keys": 20, "status": 20, "readonly": 20}
# What `migrate`, which asks, too, is about to make; and what matters to few. See `doctor`.
LEFT = {"schema", "journal"}


def _server() -> Messages:
    store = engine.find_store()
    try:
        findings = store.storage.diagnose() if store else []
    except Exception as reason:  # of whatever client library
        hint = "Start the server, or correct the settings that say where it is."
        yield error(19, f"The server that keeps the sessions fails: {reason}", hint)
        return
    for finding in findings:
        if finding.name in LEFT:
            continue
        if number := FATAL.get(finding.name):
            yield error(number, finding.problem, finding.remedy)
        else:
            yield warning(NUMBERS[finding.name], finding.problem, finding.remedy)


CHECKS = (_server,)
