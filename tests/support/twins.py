"""Twins, the blocking and the async half of a function: find the pairs and compare the code."""

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
    """Yield the base class and every subclass that a module of storage/ defines."""
    if cls.__module__.startswith(storage.__name__):
        yield cls
    for derived in cls.__subclasses__():
        yield from storages(derived)


for module in pkgutil.walk_packages(storage.__path__, f"{storage.__name__}."):
    importlib.import_module(module.name)
STORAGES = list(storages())


def twin_of(name):
    """Return the name of the async half: load -> aload, _load -> _aload."""
    return re.sub(r"^(_*)", r"\1a", name)


def is_async(function):
    """Return whether the function, or the one that it wraps, is a coroutine function."""
    return inspect.iscoroutinefunction(inspect.unwrap(function))


def functions(owner):
    """Return name -> function for the methods of a class or for the functions of a module.

    Operators, and functions that the module imports, are left out. A property counts as its getter.
    """
    by_name = {}
    for name in dir(owner):
        attribute = inspect.getattr_static(owner, name)
        function = getattr(attribute, "fget", None) or getattr(attribute, "__func__", attribute)
        is_own = inspect.isclass(owner) or getattr(function, "__module__", "") == owner.__name__
        if inspect.isfunction(function) and is_own and not name.startswith("__"):
            by_name[name] = function
    return by_name


def pairs(owner):
    """Return name -> name of the twin for each pair in a class or a module."""
    defined = functions(owner)
    candidates = {name: twin_of(name) for name in defined if not is_async(defined[name])}
    return {name: twin for name, twin in candidates.items() if twin in defined}


def parameters(function):
    """Return name, kind and default of each parameter, to compare them. Annotations may differ."""
    signature = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in signature]


# The code of twins

# Where twins are defined. From them follows which name in an async half stands for which name in
# the blocking half.
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
    "async_connection": "connection",
    "asyncio": "time",
    "aauthenticate": "authenticate",
}


def code(function):
    """Return the statements of a function, written as they would be in the blocking half."""
    source = re.sub(r"\b(async|await) ", "", dedent(inspect.getsource(function)))
    source = re.sub(r"\w+", lambda word: NAMES.get(word[0], word[0]), source)
    source = source.replace("._get_session()", "._session")
    source = source.replace("request.auser()", "request.user")
    source = source.replace(".created_at()", ".created_at")
    source = re.sub(r"for (\w+) in (\w+):\s+yield \1\b", r"yield from \2", source)
    (definition,) = ComprehensionsAsMap().visit(ast.parse(source)).body
    docstring = ast.get_docstring(definition) is not None
    return "\n".join(map(ast.unparse, definition.body[docstring:]))


class ComprehensionsAsMap(ast.NodeTransformer):
    """Rewrite ``f(x) for x in xs`` as ``map(f, xs)``.

    A blocking half may use `map`. Its twin needs a comprehension for an async iterator.
    """

    def visit_ListComp(self, node):
        return self._mapped(node)

    def visit_GeneratorExp(self, node):
        return self._mapped(node)

    def _mapped(self, node):
        """Return the call of `map`, the bare iterator of ``x for x in xs``, or the node itself."""
        (loop,) = node.generators
        item, value = ast.unparse(loop.target), ast.unparse(node.elt)
        if loop.ifs or value not in (item, f"{value.partition('(')[0]}({item})"):
            return node
        function = ast.Name(value.partition("(")[0])
        return loop.iter if value == item else ast.Call(ast.Name("map"), [function, loop.iter], [])
