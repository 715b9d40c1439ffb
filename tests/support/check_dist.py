"""Is all in the wheel that should be, and nothing else? Does the README render?

usage: check_dist.py DIST, the folder with a wheel and a source distribution.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from docutils.core import publish_string

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "django_multisession"


def main(dist: Path) -> None:
    wheel, source = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    check_wheel(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(source) as tar:
        check_source([name.partition("/")[2] for name in tar.getnames()])
    for page in ("README.rst", "CHANGELOG.rst", "CONTRIBUTING.rst", "SECURITY.rst"):
        render(ROOT / page)
    sys.stdout.write(f"{wheel.name} is as it should be.\n")


def check_wheel(names: list[str]) -> None:
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    expected = {str(path.relative_to(ROOT)) for path in files}
    packed = {name for name in names if ".dist-info/" not in name}
    complain("missing in the wheel", expected - packed)
    complain("not ours, in the wheel", packed - expected)
    complain(
        "no licence in the wheel", set() if any("LICENSE" in n for n in names) else {"LICENSE"}
    )


def check_source(names: list[str]) -> None:
    wanted = {
        "README.rst",
        "LICENSE",
        "setup.cfg",
        "pyproject.toml",
        "django_multisession/py.typed",
    }
    complain("missing in the source distribution", wanted - set(names))


def complain(what: str, names: set[str]) -> None:
    if names:
        sys.exit(f"{what}: {', '.join(sorted(names))}")


def render(page: Path) -> None:
    """Render the text, with every warning as an error."""
    settings = {
        "halt_level": 2,
        "report_level": 2,
        "raw_enabled": False,
        "file_insertion_enabled": False,
    }
    publish_string(
        page.read_text(), source_path=str(page), writer="html5", settings_overrides=settings
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
