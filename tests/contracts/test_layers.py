"""Who may import whom: the arrows that keep policy, storages and settings apart."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import django_multisession

PACKAGE = django_multisession.__name__
ROOT = Path(django_multisession.__file__).parent
CLIENTS = {"redis", "django_redis", "boto3", "botocore"}

# A layer is a folder, or a module of the root. Layer -> the layers it may import, besides itself.
# A storage that is not named is a "storage.*".
ARROWS = {
    "package": set(),
    "core": set(),
    "signals": {"core"},
    "models": {"core"},
    "conf": {"core", "session"},  # of the session: its Policy
    "storage.base": {"core"},
    "storage.*": {"core", "storage.base"},
    "storage.db": {"core", "storage.base", "models"},
    "session": {"core", "storage.base", "signals"},
    "transfer": {"core", "storage.base", "conf", "session"},
    # Everything that is built on sessions: middleware, checks, admin, views, commands, ...
    "use": {"core", "storage.base", "signals", "conf", "session", "transfer", "models"},
    "backends": {"conf", "session", "transfer"},  # and one storage
}
WITHOUT_SETTINGS = {"core", "signals", "storage.base", "session"}


def dotted(path):
    """storage/db/connection.py -> storage.db.connection"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in sorted(ROOT.rglob("*.py"))}


def layer(module):
    first, *rest = module.split(".")
    if module in {"", "storage", "backends"}:
        return "package"
    if first == "storage":
        return f"storage.{rest[0]}"
    return first if first in ARROWS else "use"


def is_allowed(importer, target):
    if importer == "backends" and is_concrete(target):
        return True
    return target in {importer, "package", *ARROWS.get(importer, ARROWS["storage.*"])}


def is_concrete(layer):
    return layer.startswith("storage.") and layer != "storage.base"


def imported(module):
    """The full names of all that a module imports, wherever in it."""
    path = MODULES[module]
    package = [PACKAGE, *module.split(".")] if module else [PACKAGE]
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def imported_of_ours(module):
    for name in imported(module):
        if f"{name}.".startswith(f"{PACKAGE}."):
            inner = name[len(PACKAGE) + 1 :]
            yield inner if inner in MODULES else inner.rpartition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_every_import_follows_the_arrows(module):
    targets = set(imported_of_ours(module))
    assert {name for name in targets if not is_allowed(layer(module), layer(name))} == set()


@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if layer(name) == "backends" and "django_" not in name],
)
def test_a_backend_joins_the_policy_with_one_storage(module):
    layers = [layer(target) for target in imported_of_ours(module)]
    assert "session" in layers
    assert len([name for name in layers if is_concrete(name)]) == 1


def test_only_conf_reads_the_settings_of_django():
    settings = {"django.conf", "django.conf.settings"}
    assert {name for name in MODULES if settings & set(imported(name))} == {"conf"}


@pytest.mark.parametrize("module", MODULES)
def test_a_client_library_is_imported_by_storages_only(module):
    libraries = {name.split(".")[0] for name in imported(module)} & CLIENTS
    assert not libraries or module.startswith("storage.")


@pytest.mark.parametrize("name", ARROWS.keys() - {"package", "storage.*", "use"})
def test_the_layers_name_folders_and_modules_that_exist(name):
    assert name in MODULES


@pytest.mark.parametrize(
    "modules",
    [
        [PACKAGE],
        [f"{PACKAGE}.{name}" for name in MODULES if layer(name) in WITHOUT_SETTINGS],
    ],
)
def test_importing_needs_no_settings_and_no_client_library(modules):
    code = f"""
import importlib, sys
for name in {modules}:
    importlib.import_module(name)
assert not {CLIENTS} & sys.modules.keys()
assert "django.conf" not in sys.modules or not sys.modules["django.conf"].settings.configured
"""
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)


@pytest.mark.skipif("MULTISESSION_WHEEL" not in os.environ, reason="not in an environment of tox")
def test_what_is_tested_is_the_wheel_and_not_the_checkout():
    assert "site-packages" in str(ROOT)
