"""The README's curl commands, run as they are written against a demo, on every engine.

Only the site's URL is replaced.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.demo_sites import DEADLINE, EVERYWHERE, MANAGE, PLACES, environment, running_in
from support.servers import missing

ROOT = Path(__file__).resolve().parents[2]
SECTION = (
    (ROOT / "README.rst").read_text().split("Without a browser\n~~~")[1].split("WebSockets")[0]
)
LINES = re.findall(r"^    \$ (.*)$", SECTION, re.MULTILINE)


@pytest.mark.parametrize("place", EVERYWHERE)
def test_the_lines_for_scripts_do_what_is_told(place: str, tmp_path: Path) -> None:
    there = PLACES[place]()
    with running_in(tmp_path, there) as site:
        listed, renamed, ended, others = answers(tmp_path, there, site)
    phone = listed["devices"][-1]["handle"]
    assert [each["name"] for each in listed["devices"] if each["is_current"]] == ["CI robot"]
    assert (renamed["handle"], renamed["name"]) == (phone, "Old phone")
    assert ended is None
    assert others == {"ended": listed["count"] - 2}


def answers(folder: Path, place: dict[str, str], site: str) -> list[object]:
    """Return the response to each line, or None if the line prints nothing."""
    if not shutil.which("curl"):
        missing("curl")
    lines = [f"SITE={site}" if line.startswith("SITE=") else line for line in LINES]
    # "python" has to be the interpreter that has Django.
    begin = ["set -euo pipefail", f'python() {{ "{sys.executable}" -W error "$@"; }}']
    script = "\n".join([*begin, *(f"{line}\necho" for line in lines)])
    shown = subprocess.run(
        ["bash", "-c", script],
        cwd=MANAGE.parent.parent,
        env={**environment(folder, place), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    first = next(n for n, line in enumerate(lines) if line.startswith("curl"))
    texts = shown.stdout.split("\n")[first:-1]
    return [
        json.loads(t) if t else None
        for t, line in zip(texts, lines[first:], strict=True)
        if line.startswith("curl")
    ]
