"""What the documentation says of the code is true of the code."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

import pytest

import django_multisession
from django_multisession import backends, conf, session, signals
from django_multisession.management import commands

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.rst").read_text()


def modules_of(package):
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("name", conf.DEFAULTS)
def test_every_setting_is_in_the_readme_with_its_default(name):
    row = re.search(rf"^``{name}`` .*?(?=^``|^===)", README, re.M | re.S)
    assert row, f"{name} is not in the table"
    written = re.sub(r"\s+", "", re.sub(r"^.{45}(.{28}).*$", r"\1", row[0], flags=re.M))
    assert written.strip("`").replace('"', "'") == re.sub(r"\s+", "", repr(conf.DEFAULTS[name]))


@pytest.mark.parametrize("name", modules_of(backends))
def test_every_engine_is_in_the_readme(name):
    assert f"``django_multisession.backends.{name}``" in README


@pytest.mark.parametrize("name", modules_of(commands))
def test_every_command_is_in_the_readme(name):
    assert f"manage.py {name}" in README


@pytest.mark.parametrize(
    "name", [n for n in vars(signals) if n.startswith(("session_", "client_"))]
)
def test_every_signal_is_in_the_readme(name):
    assert f"``{name}``" in README


def test_the_reasons_in_the_readme_are_those_in_the_code():
    folder = Path(django_multisession.__file__).parent / "session"
    sources = [folder / "store.py", folder / "state.py"]
    reasons = {"logged_out", "rotated", "expired"}
    for reason in reasons:
        assert f'"{reason}"' in README
        assert any(f'"{reason}"' in source.read_text() for source in sources)


@pytest.mark.parametrize(
    "name", re.findall(r"session\.(a?\w+)\b", README.split("Use it")[1].split("Find and end sessions")[0])
)
def test_what_the_readme_uses_exists(name):
    assert name in {"SessionGone", "session"} or hasattr(session.SessionStore, name)


@pytest.mark.parametrize("block", re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", README))
def test_the_readmes_python_is_python(block):
    ast.parse("\n".join(line[4:] for line in block.splitlines()))


def test_the_readmes_commands_are_environments_of_tox():
    environments = set(re.findall(r"tox run -e (\w+)", README))
    tox = (ROOT / "tox.ini").read_text()
    assert environments == {"demo", "bench"}
    for name in environments:
        assert f"[testenv:{name}]" in tox


def test_the_versions_agree():
    config = (ROOT / "setup.cfg").read_text()
    tox = (ROOT / "tox.ini").read_text()
    pythons = re.findall(r"Python :: (3\.\d+)", config)
    djangos = re.findall(r"Framework :: Django :: (\d\.\d)", config)
    assert [f"dj{version.replace('.', '')}" for version in djangos] == re.findall(
        r"^    (dj\d+):", tox, re.M
    )
    assert f"Python {pythons[0]} to {pythons[-1]}" in README
    assert f"Django {', '.join(djangos[:-1])} and {djangos[-1]}" in README
    assert f"python_requires = >={pythons[0]}" in config


def test_the_changelog_has_an_unreleased_section():
    assert re.search(r"^Unreleased\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.M)
