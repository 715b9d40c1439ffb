"""Whatever is written twice, blocking and async, is the same."""

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

# Public and blocking by form only: no I/O, so nothing to await.
NO_IO = {
    "clear": "starts from nothing without reading",
    "decode": "Django's codec, which we do not use",
    "encode": "Django's codec, which we do not use",
    "get_session_cookie_age": "asks the settings",
    "is_empty": "looks at what is here",
}

# What of a pair one of our classes may override alone.
ONE_HALF = {
    "adelete_test_cookie": "Django's blocking half marks the session as modified, this one forgets",
}

# An async method whose blocking half has no name of the same form.
OPERATORS = {"aset": "__setitem__"}

OURS = [cls for cls in SessionStore.__mro__ if cls.__module__.startswith("django_multisession")]


STORE = functions(SessionStore)
PAIRS = pairs(SessionStore)
PROPERTIES = {name for name, value in inspect.getmembers(SessionStore) if type(value) is property}


def test_every_method_that_does_io_has_a_twin():
    blocking = {name for name in STORE if not is_async(STORE[name]) and not name.startswith("_")}
    assert blocking - PAIRS.keys() - NO_IO.keys() - PROPERTIES == set()


@pytest.mark.parametrize("name", NO_IO)
def test_what_needs_no_twin_exists_and_has_none(name):
    assert not is_async(STORE[name])
    assert name not in PAIRS


@pytest.mark.parametrize("name", ["created_at", "last_seen_at", "expires_at", "references"])
def test_a_property_that_reads_has_a_coroutine_for_a_twin(name):
    assert name in PROPERTIES
    assert PAIRS[name] == f"a{name}"


def test_every_async_method_has_a_blocking_twin():
    lonely = {name for name in STORE if is_async(STORE[name])} - set(PAIRS.values())
    assert lonely == OPERATORS.keys()
    assert all(hasattr(SessionStore, name) for name in OPERATORS.values())


@pytest.mark.parametrize("name", [name for name in dir(SessionBase) if name in STORE])
def test_django_and_we_agree_what_is_async(name):
    assert is_async(STORE[name]) == is_async(functions(SessionBase)[name])


def test_every_async_method_of_django_is_there():
    theirs = {name for name, function in functions(SessionBase).items() if is_async(function)}
    assert len(theirs) > 20
    assert theirs <= {name for name in STORE if is_async(STORE[name])}


@pytest.mark.parametrize(("name", "twin"), PAIRS.items())
def test_twins_take_the_same_arguments(name, twin):
    assert is_async(STORE[twin])
    assert parameters(STORE[name]) == parameters(STORE[twin])


@pytest.mark.parametrize("name", [name for name in dir(SessionBase) if name in STORE])
def test_a_method_of_django_can_be_called_as_django_does(name):
    """What we override keeps the arguments; a further one has a default."""
    theirs, ours = (parameters(functions(cls)[name]) for cls in (SessionBase, SessionStore))
    assert ours[: len(theirs)] == theirs
    assert all(default is not inspect.Parameter.empty for _, _, default in ours[len(theirs) :])


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_no_class_overrides_one_half_of_a_pair(cls):
    halves = {
        half
        for pair in PAIRS.items()
        for half in pair
        if half in vars(cls) and not all(other in vars(cls) for other in pair)
    }
    assert halves <= ONE_HALF.keys()


@pytest.mark.parametrize("name", ONE_HALF)
def test_an_allowed_half_is_still_needed(name):
    (cls,) = [cls for cls in OURS if name in vars(cls)]
    blocking = dict(map(reversed, PAIRS.items()))[name]
    assert blocking not in vars(cls)


# The same code: the twin awaits it

WRITTEN_TWICE = {
    name: twin
    for name, twin in PAIRS.items()
    if any(name in vars(cls) and twin in vars(cls) for cls in OURS)
}


@pytest.mark.parametrize(("name", "twin"), WRITTEN_TWICE.items())
def test_a_twin_is_the_same_code_awaited(name, twin):
    assert code(STORE[twin]) == code(STORE[name])


@pytest.mark.parametrize("twin", [*WRITTEN_TWICE.values(), *ONE_HALF])
def test_a_twin_calls_no_blocking_half(twin):
    (definition,) = ast.parse(dedent(inspect.getsource(STORE[twin]))).body
    asked = {
        ast.unparse(node.value)
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and node.attr in NAMES.values()
    }
    assert not {"self", "cls", "super()", "self.storage", "cls.storage"} & asked


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
    offloaded = {name for name in VERBS if name not in {each for _, each in NATIVE}}
    assert offloaded == {"diagnose", "pages"}  # the latter by way of `page`


def test_there_are_storages():
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
