"""The blocking and the async half of every method of the session object and the storages agree."""

import ast
import inspect
from textwrap import dedent

import pytest
from django.contrib.sessions.backends.base import SessionBase

from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from support.twins import (
    NAMES,
    STORAGES,
    VERBS,
    code,
    functions,
    is_async,
    pairs,
    parameters,
    twin_of,
)

# Public methods without I/O, which need no async half. Name -> why there is no I/O.
NO_IO = {
    "clear": "empties the session without reading it",
    "decode": "Django's codec, which this package does not use",
    "encode": "Django's codec, which this package does not use",
    "get_session_cookie_age": "reads settings",
    "is_empty": "looks at the values in memory",
}

# Methods of Django of which this package overrides one half only. Name -> why.
ONE_HALF = {
    "adelete_test_cookie": "Django's async half does not mark the session as modified",
}

# Async methods whose blocking half is an operator.
OPERATORS = {"aset": "__setitem__"}

CLASSES = [cls for cls in SessionStore.__mro__ if cls.__module__.startswith("django_multisession")]
METHODS = functions(SessionStore)
DJANGO_METHODS = functions(SessionBase)
PAIRS = pairs(SessionStore)
PROPERTIES = {name for name, value in inspect.getmembers(SessionStore) if type(value) is property}


def test_every_method_that_does_io_has_a_twin():
    blocking = {
        name for name in METHODS if not is_async(METHODS[name]) and not name.startswith("_")
    }
    assert blocking - PAIRS.keys() - NO_IO.keys() - PROPERTIES == set()


@pytest.mark.parametrize("name", NO_IO)
def test_a_method_without_io_exists_and_has_no_twin(name):
    assert not is_async(METHODS[name])
    assert name not in PAIRS


@pytest.mark.parametrize("name", ["created_at", "last_seen_at", "expires_at", "references"])
def test_a_property_that_reads_has_a_coroutine_for_a_twin(name):
    assert name in PROPERTIES
    assert PAIRS[name] == f"a{name}"


def test_every_async_method_has_a_blocking_twin():
    unpaired = {name for name in METHODS if is_async(METHODS[name])} - set(PAIRS.values())
    assert unpaired == OPERATORS.keys()
    assert all(hasattr(SessionStore, name) for name in OPERATORS.values())


@pytest.mark.parametrize("name", [name for name in dir(SessionBase) if name in METHODS])
def test_a_method_of_django_is_async_in_this_package_too_or_in_neither(name):
    assert is_async(METHODS[name]) == is_async(DJANGO_METHODS[name])


def test_every_async_method_of_django_exists():
    expected = {name for name, function in DJANGO_METHODS.items() if is_async(function)}
    assert len(expected) > 20
    assert expected <= {name for name in METHODS if is_async(METHODS[name])}


@pytest.mark.parametrize(("name", "twin"), PAIRS.items())
def test_twins_take_the_same_arguments(name, twin):
    assert is_async(METHODS[twin])
    assert parameters(METHODS[name]) == parameters(METHODS[twin])


@pytest.mark.parametrize("name", [name for name in dir(SessionBase) if name in METHODS])
def test_a_method_of_django_can_be_called_as_django_does(name):
    """An override keeps Django's arguments, and each argument that it adds has a default."""
    django, own = parameters(DJANGO_METHODS[name]), parameters(METHODS[name])
    assert own[: len(django)] == django
    assert all(default is not inspect.Parameter.empty for _, _, default in own[len(django) :])


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_no_class_overrides_one_half_of_a_pair(cls):
    halves = {
        half
        for pair in PAIRS.items()
        for half in pair
        if half in vars(cls) and not all(other in vars(cls) for other in pair)
    }
    assert halves <= ONE_HALF.keys()


@pytest.mark.parametrize("name", ONE_HALF)
def test_a_single_half_is_still_needed(name):
    (cls,) = [cls for cls in CLASSES if name in vars(cls)]
    blocking = dict(map(reversed, PAIRS.items()))[name]
    assert blocking not in vars(cls)


# The code of both halves is the same but for "await"

WRITTEN_TWICE = {
    name: twin
    for name, twin in PAIRS.items()
    if any(name in vars(cls) and twin in vars(cls) for cls in CLASSES)
}


@pytest.mark.parametrize(("name", "twin"), WRITTEN_TWICE.items())
def test_a_twin_is_the_same_code_awaited(name, twin):
    assert code(METHODS[twin]) == code(METHODS[name])


@pytest.mark.parametrize("twin", [*WRITTEN_TWICE.values(), *ONE_HALF])
def test_a_twin_calls_no_blocking_half(twin):
    (definition,) = ast.parse(dedent(inspect.getsource(METHODS[twin]))).body
    callees = {
        ast.unparse(node.value)
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and node.attr in NAMES.values()
    }
    assert not {"self", "cls", "super()", "self.storage", "cls.storage"} & callees


# Storages

NATIVE = [
    (cls, name)
    for cls in STORAGES
    for name in vars(cls)
    if cls is not Storage and twin_of(name) in vars(cls)
]


@pytest.mark.parametrize(("cls", "name"), NATIVE)
def test_a_native_twin_of_a_storage_is_the_same_code_awaited(cls, name):
    assert code(vars(cls)[twin_of(name)]) == code(vars(cls)[name])


def test_redis_is_awaited_natively():
    offloaded = set(VERBS) - {verb for _, verb in NATIVE}
    assert offloaded == {"diagnose", "pages"}  # the latter calls `page`


def test_every_storage_is_compared():
    assert {cls.__name__ for cls in STORAGES} >= {
        *("DatabaseStorage", "MemoryStorage", "RedisStorage", "Storage")
    }


@pytest.mark.parametrize("cls", STORAGES, ids=lambda cls: cls.__name__)
def test_a_storage_has_the_verbs_and_their_twins_and_nothing_else(cls):
    public = {name for name in functions(cls) if not name.startswith("_")}
    assert public == {*VERBS, *(f"a{verb}" for verb in VERBS)}


@pytest.mark.parametrize("cls", STORAGES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_and_its_twin_take_the_arguments_of_the_seam(cls, verb):
    expected = parameters(getattr(Storage, verb))
    assert parameters(getattr(cls, verb)) == expected
    assert parameters(getattr(cls, f"a{verb}")) == expected


@pytest.mark.parametrize("cls", STORAGES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_blocks_and_its_twin_does_not(cls, verb):
    verb, twin = getattr(cls, verb), getattr(cls, f"a{verb}")
    assert not is_async(verb)
    assert not inspect.isasyncgenfunction(verb)
    assert is_async(twin) or "AsyncIterator" in inspect.signature(twin).return_annotation
