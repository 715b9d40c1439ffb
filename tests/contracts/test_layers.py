"""The layers: the import rules between the parts of the package, and the tests of each module.

``docs/architecture/index.rst`` draws the rules as arrows and gives the reasons. ``ARROWS`` has them
as data, and a test compares the two.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import django_multisession

PACKAGE = django_multisession.__name__
ROOT = Path(django_multisession.__file__).parent
ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture" / "index.rst"
CLIENT_LIBRARIES = {"redis", "django_redis", "boto3", "botocore"}

# Layer -> the layers that its modules may import, besides their own layer. A layer is a top-level
# folder or module of the package, but for these:
# - "package": the modules that hold no code of their own and may be imported by everybody.
# - "storage.base", "storage.db": a storage is a layer of its own. "storage.*" is the rule for
#   every storage without a line of its own: storage.memory, storage.redis, storage.dynamodb.
# - "application": all that is built on sessions, such as admin, api, checks, management, web.
ARROWS = {
    "package": set(),
    "core": set(),
    "models": {"core"},
    "signals": {"core"},
    "storage.base": {"core"},
    "storage.*": {"core", "storage.base"},
    "storage.db": {"core", "storage.base", "models"},
    "session": {"core", "storage.base", "signals"},
    "conf": {"core", "session"},
    "transfer": {"core", "conf", "session", "storage.base"},
    "backends": {"session", "conf", "transfer"},  # and one concrete storage
    "application": {
        *("core", "models", "signals", "storage.base", "session", "conf", "transfer"),
    },
}
PLACEHOLDERS = {"package", "storage.*", "application"}  # not names of folders or modules
WITHOUT_SETTINGS = {"core", "signals", "storage.base", "session"}


def dotted_name(path):
    """Return storage.db.connection for storage/db/connection.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Dotted name inside the package -> source file, of every module. The package itself is "".
MODULES = {dotted_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def layer_of(module):
    """Return the layer of a module: storage.redis for storage.redis.scripts, for example."""
    if module in {"", "storage", "backends"}:
        return "package"
    first, *rest = module.split(".")
    if first == "storage":
        return f"storage.{rest[0]}"
    return first if first in ARROWS else "application"


def is_concrete_storage(layer):
    return layer.startswith("storage.") and layer != "storage.base"


def may_import(importer, imported):
    """Return whether modules of the layer ``importer`` may import those of ``imported``."""
    if importer == "backends" and is_concrete_storage(imported):
        return True
    rule = ARROWS["storage.*"] if importer not in ARROWS else ARROWS[importer]
    return imported in {importer, "package", *rule}


def imported_names(module):
    """Yield the absolute dotted name of everything that a module imports, in functions too."""
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


def imported_modules(module):
    """Yield the modules of this package that a module imports, named as in MODULES."""
    for name in imported_names(module):
        if f"{name}.".startswith(f"{PACKAGE}."):
            inner = name[len(PACKAGE) + 1 :]
            yield inner if inner in MODULES else inner.rpartition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_every_import_follows_the_arrows(module):
    forbidden = {
        f"{module} imports {target}: {layer_of(module)} may not import {layer_of(target)}"
        for target in imported_modules(module)
        if not may_import(layer_of(module), layer_of(target))
    }
    assert forbidden == set()


def test_of_the_session_conf_imports_only_the_policy():
    targets = {name for name in imported_modules("conf") if layer_of(name) == "session"}
    assert targets == {"session.policy"}


@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if layer_of(name) == "backends" and "django_" not in name],
)
def test_a_backend_joins_the_session_object_with_one_storage(module):
    layers = [layer_of(target) for target in imported_modules(module)]
    assert "session" in layers
    assert len([layer for layer in layers if is_concrete_storage(layer)]) == 1


def test_only_conf_reads_the_settings_of_django():
    settings = {"django.conf", "django.conf.settings"}
    assert {name for name in MODULES if settings & set(imported_names(name))} == {"conf"}


@pytest.mark.parametrize("module", MODULES)
def test_a_client_library_is_imported_by_storages_only(module):
    libraries = {name.split(".")[0] for name in imported_names(module)} & CLIENT_LIBRARIES
    assert not libraries or module.startswith("storage.")


@pytest.mark.parametrize("name", sorted(ARROWS.keys() - PLACEHOLDERS))
def test_the_layers_name_folders_and_modules_that_exist(name):
    assert name in MODULES


def documented_arrows():
    """Return layer -> layers it may import, as the documentation draws it.

    What stands in parentheses, and words that name no layer, are explanations.
    """
    arrows = {}
    for importers, targets in re.findall(
        r"^    (\S.*?) +-> +(.+)$", ARCHITECTURE.read_text(), re.M
    ):
        words = re.findall(r"[a-z.]*[a-z]", re.sub(r"\(.*?\)", "", targets))
        for importer in importers.replace("storage.<one>", "storage.*").split(", "):
            arrows[importer] = set(words) & (ARROWS.keys() - PLACEHOLDERS)
    return arrows


def test_the_documentation_draws_the_same_arrows():
    documented = documented_arrows()
    assert documented.pop("all other parts") == {"backends"}  # "but backends"
    not_drawn = {"package", "application", "storage.db"}  # the last one is in parentheses
    assert documented == {name: ARROWS[name] for name in ARROWS.keys() - not_drawn}


@pytest.mark.parametrize(
    "modules",
    [
        [PACKAGE],
        [f"{PACKAGE}.{name}" for name in MODULES if layer_of(name) in WITHOUT_SETTINGS],
    ],
    ids=["package", "without settings"],
)
def test_importing_needs_no_settings_and_no_client_library(modules):
    code = f"""
import importlib, sys
for name in {modules}:
    importlib.import_module(name)
assert not {CLIENT_LIBRARIES} & sys.modules.keys()
assert "django.conf" not in sys.modules or not sys.modules["django.conf"].settings.configured
"""
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, check=True)


TESTS = Path(__file__).parents[1]

# The tests of a module are in tests/<folder>/test_<module>.py or test_<module>_<subject>.py.
# Those of these modules, or of all modules of these folders, are in another file.
TESTED_IN = {
    # Declarations, which run when Django starts.
    "apps": "checks/test_checks.py",
    "models": "test_migrations.py",
    "urls": "devices/test_devices.py",
    "api.urls": "api/test_views.py",
    # The public path of something that lies in a folder.
    "client": "core/test_client.py",
    "forms": "auth/test_refusals.py",
    "views": "devices/test_devices.py",
    "templatetags.multisession": "devices/test_template_tags.py",
    # One test runs over all modules of the folder.
    "backends": "contracts/test_backends.py",
    "transfer.sources": "transfer/sources/test_every_source.py",
    "storage.base": "contracts/test_twins.py",
    "storage.memory": "contracts/test_storage.py",
    "storage.dynamodb.storage": "contracts/test_storage.py",
    "storage.redis.storage": "contracts/test_storage.py",
    # The helpers that all checks use.
    "checks.common": "checks/test_settings.py",
    # A command is tested in management/test_<command>.py.
    "management.commands": "management/test_migratesessions.py",
    # What the tests assert is what callers see, so the files are named after that.
    "storage.dynamodb.connection": "storage/dynamodb/test_conflicts.py",
    "storage.dynamodb.errors": "storage/dynamodb/test_refusals.py",
    "storage.dynamodb.listing": "storage/dynamodb/test_paging.py",
}


def has_mirrored_tests(module):
    *folders, name = module.split(".")
    folder = TESTS.joinpath(*folders)
    return any(folder.glob(f"test_{name}.py")) or any(folder.glob(f"test_{name}_*.py"))


@pytest.mark.parametrize("module", [m for m, path in MODULES.items() if path.stem != "__init__"])
def test_every_module_has_tests(module):
    folder = module.rpartition(".")[0]
    assert any(has_mirrored_tests(name) or name in TESTED_IN for name in (module, folder))


@pytest.mark.parametrize(("module", "tests"), TESTED_IN.items())
def test_tests_in_another_file_are_of_a_module_and_exist(module, tests):
    assert module in MODULES
    assert not has_mirrored_tests(module)
    assert (TESTS / tests).is_file()


@pytest.mark.skipif("MULTISESSION_WHEEL" not in os.environ, reason="not in an environment of tox")
def test_what_is_tested_is_the_wheel_and_not_the_checkout():
    assert "site-packages" in str(ROOT)
