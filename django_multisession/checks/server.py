"""Checks that query the session server: ``manage.py check --database default``."""

from __future__ import annotations

from .. import engine
from .common import Messages, error, warning

# Name of a storage's finding -> number of its warning, or of its error if sessions cannot be
# stored.
WARNINGS = {"eviction": 20, "persistence": 21, "memory": 22, "unknown": 23, "ttl": 24}
WARNINGS |= {"clock": 25, "vacuum": 26}
ERRORS = {"missing": 20, "keys": 20, "status": 20, "readonly": 20}
# Left to checksessions: `migrate` runs these checks before it makes the schema, and the journal
# mode matters to few projects.
IGNORED = {"schema", "journal"}


def _server() -> Messages:
    store = engine.find_store()
    try:
        findings = store.storage.diagnose() if store else []
    except Exception as reason:  # any client library's
        hint = "Start the server, or correct its address and credentials in the settings."
        yield error(19, f"The session server does not answer as expected: {reason}", hint)
        return
    for finding in findings:
        if finding.name in IGNORED:
            continue
        if number := ERRORS.get(finding.name):
            yield error(number, finding.problem, finding.remedy)
        else:
            yield warning(WARNINGS[finding.name], finding.problem, finding.remedy)


CHECKS = (_server,)
