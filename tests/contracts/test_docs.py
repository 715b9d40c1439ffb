"""The documentation agrees with the code, and its links lead to files that exist."""

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
PACKAGE = Path(django_multisession.__file__).parent
README = (ROOT / "README.rst").read_text()
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]


def module_names(package):
    """Return the names of the modules in a package, without its own name in front."""
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize("name", conf.DEFAULTS)
def test_every_setting_is_in_the_readme_with_its_default(name):
    row = re.search(rf"^``{name}`` .*?(?=^``|^===)", README, re.M | re.S)
    assert row, f"{name} is not in the table"
    default = re.sub(r"\s+", "", re.sub(r"^.{45}(.{28}).*$", r"\1", row[0], flags=re.M))
    assert default.strip("`").replace('"', "'") == re.sub(r"\s+", "", repr(conf.DEFAULTS[name]))


@pytest.mark.parametrize("name", module_names(backends))
def test_every_engine_is_in_the_readme(name):
    assert f"``django_multisession.backends.{name}``" in README


@pytest.mark.parametrize("name", module_names(commands))
def test_every_command_is_in_the_readme(name):
    assert f"manage.py {name}" in README


@pytest.mark.parametrize(
    "name", [n for n in vars(signals) if n.startswith(("session_", "client_"))]
)
def test_every_signal_is_in_the_readme(name):
    assert f"``{name}``" in README


def test_the_reasons_in_the_readme_are_those_in_the_code():
    sources = [PACKAGE / "session" / "store.py", PACKAGE / "session" / "state.py"]
    reasons = {"logged_out", "rotated", "expired"}
    for reason in reasons:
        assert f'"{reason}"' in README
        assert any(f'"{reason}"' in source.read_text() for source in sources)


@pytest.mark.parametrize(
    "name",
    re.findall(r"session\.(a?\w+)\b", README.split("Use it")[1].split("Find and end sessions")[0]),
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


# Links and paths


def relative_links(page):
    """Return the targets of the links, images and includes of a page that are not URLs."""
    text = page.read_text()
    links = re.findall(r"`[^`]*?<([^>`]+)>`_", text)
    links += re.findall(r"^\.\. _[^:\n]+: +(\S+)$", text, re.M)
    links += re.findall(r"^\.\. (?:image|figure|include|literalinclude):: +(\S+)$", text, re.M)
    return [re.sub(r"\s+", "", link) for link in links if not re.match(r"[a-z]+:|#", link)]


LINKS = [(page, link) for page in PAGES for link in relative_links(page)]


def show(value):
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else value


def test_the_pages_have_relative_links():
    """Otherwise the next test would check nothing."""
    assert {page.name for page, _ in LINKS} >= {"README.rst", "index.rst", "data-models.rst"}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=show)
def test_a_relative_link_points_to_an_existing_file(page, link):
    assert (page.parent / link.partition("#")[0]).exists()


def section_labels(page):
    """Return the fragment identifiers that docutils makes of the titles of a page."""
    titles = re.findall(r"^(\S.*)\n([=~^-])\2{2,}$", page.read_text(), re.M)
    return {re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") for title, _ in titles}


@pytest.mark.parametrize(("page", "link"), [pair for pair in LINKS if "#" in pair[1]], ids=show)
def test_the_fragment_of_a_link_is_a_section(page, link):
    target, _, fragment = link.partition("#")
    assert fragment in section_labels(page.parent / target)


def package_paths(page):
    """Return the literals of a page that are written as a path of a file, folder or module.

    ``storage/db`` and ``core/references.py`` are paths in the package, and
    ``django_multisession.backends.db`` is the name of a module. A path in the repository,
    ``docs/devices.rst`` for example, begins with one of its folders.
    """
    literals = set(re.findall(r"``([\w./]+)``", page.read_text()))
    roots = {path.stem for path in PACKAGE.iterdir()} | {path.name for path in ROOT.iterdir()}
    paths = {name for name in literals if "/" in name and name.split("/")[0] in roots}
    return paths | {name for name in literals if name.startswith("django_multisession.")}


def folder_tree(page):
    """Return the folders that the drawing of the package on a page names."""
    drawing = page.read_text().partition("    django_multisession/\n")[2]
    drawing = re.split(r"^(?=\S)", drawing, maxsplit=1, flags=re.M)[0]
    return re.findall(r"^      ([a-z_]+/) ", drawing, re.M)


ARCHITECTURE = sorted((ROOT / "docs" / "architecture").rglob("*.rst"))
PATHS = [(page, name) for page in ARCHITECTURE for name in sorted(package_paths(page))]
FOLDERS = folder_tree(ROOT / "docs" / "architecture" / "index.rst")


@pytest.mark.parametrize(("page", "name"), PATHS, ids=show)
def test_a_path_in_the_architecture_pages_exists(page, name):
    if name.startswith("django_multisession."):
        assert pkgutil.resolve_name(name)
    else:
        path = name.rstrip("/")
        places = [root / f"{path}{suffix}" for root in (PACKAGE, ROOT) for suffix in ("", ".py")]
        assert any(place.exists() for place in places)


def test_the_architecture_page_draws_every_folder_of_the_package():
    data = {"locale/", "migrations/", "static/", "templates/", "templatetags/", "__pycache__/"}
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/*") if path.is_file()}
    assert set(FOLDERS) == folders - data
