"""The markers that tests get from their folder and from their parameters. See tox.ini."""

from __future__ import annotations

import pytest

DYNAMODB_PARAMETERS = {"dynamodb", "dynalite", "moto"}
DYNAMODB_FIXTURES = {"moto", "observed_server"}


def mark_thorough(item: pytest.Item) -> None:
    """Mark a test of a folder whose tests take long, unless it is marked quick."""
    if item.get_closest_marker("quick") is None:
        item.add_marker("thorough")


def mark_dynamodb(item: pytest.Item) -> None:
    """Mark a test that one of its parameters or fixtures sends to DynamoDB."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    names = {name for value in parameters for name in _texts(value)}
    if names & DYNAMODB_PARAMETERS or DYNAMODB_FIXTURES & {*getattr(item, "fixturenames", ())}:
        item.add_marker("dynamodb")


def _texts(value: object) -> list[str]:
    """Return the text, or those of a tuple or list: pairs of engines are one parameter."""
    values = value if isinstance(value, (tuple, list)) else [value]
    return [each for each in values if isinstance(each, str)]
