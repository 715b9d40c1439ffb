"""What is written twice, blocking and async: which half is whose, and how to compare the code."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from textwrap import dedent

from django_multisession import sessions, signals, storage
from django_multisession.auth import reauthentication
from django_multisession.maintenance import pruning, reindexing
from django_multisession.session import PreviousEngines, SessionStore
from django_multisession.sessions import creation
from django_multisession.sessions.info import SessionInfo
from django_multisession.storage.base import Storage
from django_multisession.transfer import on_demand, tombstones
from django_multisession.transfer.base import Source
from django_multisession.transfer.rollback import RollbackMixin

VERBS = sorted(name for name in vars(Storage) if f"a{name}" in vars(Storage))


def storages(cls=Storage):
    """The base, and what every module of storage/ derives from it."""
    if cls.__module__.startswith(storage.__name__):
        yield cls
    for derived in cls.__subclasses__():
        yield from storages(derived)


for module in pkgutil.walk_packages(storage.__path__, f"{storage.__name__}."):
    importlib.import_module(module.name)
STORAGES = list(storages())


def twin_of(name):
    """load -> aload, _load -> _aload"""
    return re.sub(r"^(_*)", r"\1a", name)


def is_async(function):
    return inspect.iscoroutinefunction(inspect.unwrap(function))


def functions(owner):
    """Name -> function, of everything a class has but operators, or a module but what it imports.
    A property is its getter."""
    found = {}
    for name in dir(owner):
        attribute = inspect.getattr_static(owner, name)
        function = getattr(attribute, "fget", None) or getattr(attribute, "__func__", attribute)
        is_own = inspect.isclass(owner) or getattr(function, "__module__", "") == owner.__name__
        if inspect.isfunction(function) and is_own and not name.startswith("__"):
            found[name] = function
    return found


def pairs(owner):
    """Name -> name of its twin, of a class or a module."""
    here = functions(owner)
    candidates = {name: twin_of(name) for name in here if not is_async(here[name])}
    return {name: twin for name, twin in candidates.items() if twin in here}


def parameters(function):
    signature = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in signature]


# Their code

MODULES = (
    sessions,
    creation,
    pruning,
    reauthentication,
    reindexing,
    signals,
    on_demand,
    tombstones,
)
CLASSES = (SessionStore, SessionInfo, PreviousEngines, RollbackMixin, Source)
OWNERS = (*CLASSES, *MODULES, *STORAGES)
NAMES = {twin: name for owner in OWNERS for name, twin in pairs(owner).items()}
NAMES |= {f"a{verb}": verb for verb in VERBS}
NAMES |= {
    "asend_robust": "send_robust",
    "_async_connection": "_connection",
    "asyncio": "time",
    "aauthenticate": "authenticate",
}


def code(function):
    """The statements of a function as they would be in the blocking half."""
    source = re.sub(r"\b(async|await) ", "", dedent(inspect.getsource(function)))
    source = re.sub(r"\w+", lambda word: NAMES.get(word[0], word[0]), source)
    source = source.replace("._get_session()", "._session")
    source = source.replace("request.auser()", "request.user")
    source = source.replace(".created_at()", ".created_at")
    source = re.sub(r"for each in (\w+):\s+yield each", r"yield from \1", source)
    (definition,) = Mapped().visit(ast.parse(source)).body
    docstring = ast.get_docstring(definition) is not None
    return "\n".join(map(ast.unparse, definition.body[docstring:]))


class Mapped(ast.NodeTransformer):
    """Of an async iterator only a comprehension can do what `map` does of a blocking one."""

    def visit_ListComp(self, node):
        return self._mapped(node)

    def visit_GeneratorExp(self, node):
        return self._mapped(node)

    def _mapped(self, node):
        (loop,) = node.generators
        each, value = ast.unparse(loop.target), ast.unparse(node.elt)
        if loop.ifs or value not in (each, f"{value.partition('(')[0]}({each})"):
            return node
        function = ast.Name(value.partition("(")[0])
        return loop.iter if value == each else ast.Call(ast.Name("map"), [function, loop.iter], [])
