"""tox.ini: its environments together run every test, and no thorough one twice."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

TOX = (Path(__file__).resolve().parents[2] / "tox.ini").read_text()
PARTS = re.findall(r'^    ([!\w-]+): pytest .*-m "([^"]+)"', TOX, re.MULTILINE)
MARKERS = ("thorough", "dynamodb", "pages")


@pytest.mark.parametrize("values", list(product([False, True], repeat=len(MARKERS))), ids=str)
def test_a_test_with_any_markers_is_in_one_part(values):
    markers = dict(zip(MARKERS, values, strict=True))
    parts = [part for part, expression in PARTS if eval(expression, {}, markers)]
    assert len(parts) == 1
    assert parts[0].startswith("!") == (not markers["thorough"])


def test_every_part_has_an_environment():
    parts = {part for part, _ in PARTS if not part.startswith("!")}
    (newest,) = re.findall(r"^    py\{.*\}-dj\d+\{(.*),\}$", TOX, re.MULTILINE)
    assert {f"-{part}" for part in parts} == {*newest.split(",")}
