"""The blocking and the async half of every function and method of the public API agree."""

from __future__ import annotations

import ast
import inspect
from textwrap import dedent

import pytest

from django_multisession.sessions.info import SessionInfo
from django_multisession.transfer.on_demand import ConfiguredEngines
from support.twins import MODULES, NAMES, code, functions, is_async, pairs, parameters

API = (*MODULES, ConfiguredEngines, SessionInfo)
API_PAIRS = [(owner, *pair) for owner in API for pair in pairs(owner).items()]

# Public functions and methods without a twin. Name -> why they need none.
NO_TWIN = {
    "reindex": "run by a command, or by a migration",
    "count_by_policy": "run by a command",
    "end_by_policy": "run by a command",
    "reindex_one": "run by a command",
    "is_unknown": "reads memory",
    "remember_unknown": "writes memory",
    "reference_change": "makes a Change of values",
    "cleared": "makes an event of values",
    "created": "makes an event of values",
    "ended": "makes an event of values",
    "changed": "makes events of values",
    "key_for": "reads a cookie",
    "mark_authenticated": "receives the login signal, which Django sends from a thread",
    "of": "makes an instance of values",
    "device": "parses a user agent",
    "user_id": "reads a reference",
    "is_current": "compares handles",
}


def test_every_function_has_a_twin_or_does_no_io():
    public = {name for owner in API for name in functions(owner) if not name.startswith("_")}
    paired = {half for _, *pair in API_PAIRS for half in pair}
    assert public - paired == NO_TWIN.keys()
    assert len(API_PAIRS) == 31


@pytest.mark.parametrize(("owner", "name", "twin"), API_PAIRS)
def test_twins_of_the_api_take_the_same_arguments(owner, name, twin):
    blocking, awaited = functions(owner)[name], functions(owner)[twin]
    assert parameters(blocking) == parameters(awaited)
    assert not is_async(blocking)
    assert is_async(awaited) or "AsyncIterator" in inspect.signature(awaited).return_annotation


@pytest.mark.parametrize(("owner", "name", "twin"), API_PAIRS)
def test_a_twin_of_the_api_is_the_same_code_awaited(owner, name, twin):
    assert code(functions(owner)[twin]) == code(functions(owner)[name])


@pytest.mark.parametrize(("owner", "name", "twin"), API_PAIRS)
def test_a_twin_of_the_api_calls_no_blocking_half(owner, name, twin):
    (definition,) = ast.parse(dedent(inspect.getsource(functions(owner)[twin]))).body
    callees = [node.func for node in ast.walk(definition) if isinstance(node, ast.Call)]
    names = {getattr(callee, "attr", getattr(callee, "id", None)) for callee in callees}
    assert not names & {*NAMES.values()} - {"get"}
    assert "time" not in {node.id for node in ast.walk(definition) if isinstance(node, ast.Name)}


@pytest.mark.parametrize(("owner", "name", "twin"), API_PAIRS)
def test_a_twin_of_the_api_refers_to_the_docstring(owner, name, twin):
    assert functions(owner)[twin].__doc__ == f"See {name}()."
    assert len(functions(owner)[name].__doc__ or "") > 10 or name == "send"
