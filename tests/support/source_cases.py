"""Parameters for the fixture ``previous``: the kinds of previous engines that a test is run on."""

from __future__ import annotations

from typing import Any

import pytest

from support.old_engines import ENGINES

THOROUGH = {"postgres", "mariadb"}  # the same adapter as "db", on another server


def engine_params(kinds: Any) -> list[Any]:
    """Return fixture parameters for these kinds of engines."""
    return [pytest.param(kind, marks=[pytest.mark.thorough] * (kind in THOROUGH)) for kind in kinds]


def only(*kinds: str) -> pytest.MarkDecorator:
    """Run the test on these previous engines."""
    return pytest.mark.parametrize("previous", engine_params(kinds), indirect=True)


def all_but(*kinds: str) -> pytest.MarkDecorator:
    """Run the test on every previous engine except these."""
    return only(*(kind for kind in ENGINES if kind not in kinds))


def assert_every_method_raises(
    session: Any, storage: Any, key: str, error: type[Exception]
) -> None:
    """Assert that an outage of the previous engine is raised, keeps the key and stores nothing."""
    for verb in ("load", "touch", "cycle_key"):
        holder = session(key)
        with pytest.raises(error):
            getattr(holder, verb)()
        assert holder.subject.session_key == key
    with pytest.raises(error):
        session().exists(key)
    assert storage.count() == 0
