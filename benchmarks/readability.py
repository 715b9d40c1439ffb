"""Measure how the package reads: files that one request leads through, docstrings, lengths.

usage: readability.py [--list] [--checkout .]

Print four measures of the package django_multisession of a checkout, by default of the current
directory. All find their files by tracing, by importing or by walking the folder, so that the
figures of two checkouts can be compared however their folders are arranged:

- how many modules one load and one save enter on SQLite, and how often they change the file;
- how many uses of `self.x` in the session object lead into another file of the package;
- how many docstrings open with a fragment instead of a sentence;
- how long the functions are, and how many modules lie in the root of the package.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from django.conf import settings
from django.http import HttpRequest, HttpResponse

PACKAGE = "django_multisession"
LONGEST = 40  # lines of a function
# The first words of docstrings that are not sentences.
# fmt: off
FRAGMENTS = {
    "Of", "What", "Whose", "Who", "Whom", "That", "None:", "False:", "As", "Where", "How",
    "Whether", "Whatever", "Those", "Nothing", "Until", "With", "Without", "Out", "Into",
}
# fmt: on

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
Visit: TypeAlias = tuple[str, str]  # the event, "call" or "return", and the file of its frame


class Trace(NamedTuple):
    """The calls and returns of the package's functions during one piece of work, in order."""

    visits: list[Visit]

    @property
    def files(self) -> list[str]:
        """Return the files that were entered, sorted."""
        return sorted({file for _, file in self.visits})

    @property
    def calls(self) -> int:
        """Return how many functions of the package were called."""
        return sum(event == "call" for event, _ in self.visits)

    def moves(self) -> tuple[int, int]:
        """Return the number of changes from file to file, and how many led back to a known one."""
        seen, moves, returns = {self.visits[0][1]}, 0, 0
        for (_, before), (_, after) in pairwise(self.visits):
            if before != after:
                moves += 1
                returns += after in seen
                seen.add(after)
        return moves, returns


class Use(NamedTuple):
    """One `self.name` or `self.name.member` in a method of the session object."""

    file: str
    line: int
    name: str
    member: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} self.{self.name}{self.member and '.' + self.member}"


class Source(NamedTuple):
    """A parsed module of the package."""

    file: str  # relative to the package
    tree: ast.Module


# Set up


def prepare(checkout: Path) -> Path:
    """Set Django up on SQLite in memory, with the package of this checkout. Return its folder."""
    folder = checkout / PACKAGE
    if not folder.is_dir():
        raise SystemExit(f"There is no package {PACKAGE} in {checkout}.")
    sys.path.insert(0, str(checkout))
    sys.dont_write_bytecode = True
    settings.configure(
        SECRET_KEY="not-a-secret",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", PACKAGE],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        SESSION_ENGINE=f"{PACKAGE}.backends.db",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    return folder


def parse(folder: Path) -> list[Source]:
    """Return the modules of the package, without its migrations."""
    files = sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    return [Source(str(path.relative_to(folder)), ast.parse(path.read_text())) for path in files]


# One load and one save


def trace(work: Callable[[], object], folder: Path) -> Trace:
    """Run the work, and note each call and each return of the package's functions."""
    visits: list[Visit] = []
    prefix = f"{folder}/"

    def note(frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event in {"call", "return"} and file.startswith(prefix):
            visits.append((event, file.removeprefix(prefix)))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return Trace(visits)


def create() -> str:
    """Store a new session. Return its key."""
    from django_multisession.backends.db import SessionStore

    session = SessionStore()
    session["counter"] = 0
    session.create()
    return str(session.session_key)


def load_and_save(key: str) -> Any:
    """Load the session, set a value and save it. Return the session."""
    from django_multisession.backends.db import SessionStore

    session = SessionStore(key)
    session["counter"] = session["counter"] + 1
    session.save()
    return session


def request(key: str) -> None:
    """Load and save the session as a request does, through the middleware."""
    from django_multisession.middleware import SessionMiddleware

    def view(request: HttpRequest) -> HttpResponse:
        request.session["counter"] = request.session["counter"] + 1
        return HttpResponse()

    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "192.0.2.1", "HTTP_USER_AGENT": "benchmark"}
    request.COOKIES = {settings.SESSION_COOKIE_NAME: key}
    SessionMiddleware(view)(request)


def report_trace(title: str, work: Callable[[str], object], folder: Path) -> None:
    """Print what this work on a session goes through, once all of it is imported and cached."""
    work(create())
    key = create()
    traced = trace(lambda: work(key), folder)
    moves, returns = traced.moves()
    print(
        f"{title}: {len(traced.files)} modules, {moves} moves between files, "
        f"{returns} of them back to a file entered before; {traced.calls} calls"
    )
    print(f"  {' '.join(traced.files)}")


# The session object


def session_classes(store: type, folder: Path) -> list[tuple[str, ast.ClassDef]]:
    """Return file and syntax tree of the session's classes in the package, as the MRO has them.

    The subclass in backends/ is left out: it only names a storage.
    """
    found = []
    for cls in store.__mro__:
        package, _, module = cls.__module__.partition(".")
        if package == PACKAGE and not module.startswith("backends."):
            path = Path(inspect.getfile(cls))
            found.append((str(path.relative_to(folder)), class_named(cls.__name__, path)))
    return found


def class_named(name: str, path: Path) -> ast.ClassDef:
    """Return the class of this name at the top level of a module."""
    body = ast.parse(path.read_text()).body
    return next(node for node in body if isinstance(node, ast.ClassDef) and node.name == name)


def named_in_body(cls: ast.ClassDef) -> Iterator[str]:
    """Iterate over the attributes that the body of a class defines or annotates.

    Definitions under TYPE_CHECKING are left out: they repeat the attributes of Django's class.
    """
    for node in cls.body:
        if isinstance(node, FUNCTIONS):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def assigned_in_init(cls: ast.ClassDef) -> Iterator[str]:
    """Iterate over the names x that __init__ assigns as `self.x`."""
    for function in cls.body:
        if isinstance(function, FUNCTIONS) and function.name == "__init__":
            for node in ast.walk(function):
                if is_of_self(node) and isinstance(node.ctx, ast.Store):
                    yield node.attr


def is_of_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Return whether this is `self.x`."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def places(classes: Sequence[tuple[str, ast.ClassDef]]) -> dict[str, str]:
    """Return for each attribute the file that defines it.

    An override hides the inherited one. The body of a class comes before any __init__, because
    that is where a reader finds the attribute's type.
    """
    found: dict[str, str] = {}
    for names_of in (named_in_body, assigned_in_init):
        for file, cls in classes:
            for name in names_of(cls):
                found.setdefault(name, file)
    return found


def uses(classes: Sequence[tuple[str, ast.ClassDef]]) -> Iterator[Use]:
    """Iterate over all `self.x` in the methods of the classes, with the y of each `self.x.y`."""
    for file, cls in classes:
        attributes = [node for node in ast.walk(cls) if isinstance(node, ast.Attribute)]
        members = {node.value: node.attr for node in attributes}
        for node in filter(is_of_self, attributes):
            yield Use(file, node.lineno, node.attr, members.get(node, ""))


def file_of_object(session: object, name: str, folder: Path) -> str | None:
    """Return the file of the package that defines the class of an attribute's value, or None."""
    value = vars(session).get(name, inspect.getattr_static(type(session), name, None))
    if type(value).__module__.partition(".")[0] != PACKAGE:
        return None
    return str(Path(inspect.getfile(type(value))).relative_to(folder))


def report_session(folder: Path, listed: bool) -> None:
    """Print how many uses of the session's own attributes lead into another file."""
    session = load_and_save(create())
    classes = session_classes(type(session), folder)
    found = sorted(uses(classes))
    defined_in = places(classes)
    own = [use for use in found if use.name in defined_in]
    direct = [use for use in own if defined_in[use.name] != use.file]
    objects = {use.name: file_of_object(session, use.name, folder) for use in found if use.member}
    members = [use for use in found if use.member]
    through = [use for use in members if (objects[use.name] or use.file) != use.file]
    either = Counter(direct) | Counter(through)
    print(f"session object: {' '.join(dict.fromkeys(file for file, _ in classes))}")
    print(f"self.x that lead into another file: {share(len(direct), len(found))}")
    print(f"  without attributes of Django's SessionBase: {share(len(direct), len(own))}")
    print(f"self.x.y whose object lies in another file: {share(len(through), len(members))}")
    print(f"  by x: {counted(Counter(use.name for use in through), objects)}")
    print(f"either of both: {share(either.total(), len(found))}")
    if listed:
        show(sorted(either.elements()))


def counted(counter: Counter[str], files: Mapping[str, str | None]) -> str:
    """Return how often each name occurs and the file behind it, the most frequent one first."""
    return ", ".join(f"{name} {n} ({files[name]})" for name, n in counter.most_common())


# Docstrings, functions, the root


def report_docstrings(sources: Sequence[Source], listed: bool) -> None:
    """Print how many docstrings open with a fragment."""
    found = [
        (file, getattr(node, "lineno", 1), text)
        for file, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node))
    ]
    offenders = [each for each in sorted(found) if each[2].split(maxsplit=1)[0] in FRAGMENTS]
    print(f"docstrings that open with a fragment: {share(len(offenders), len(found))}")
    if listed:
        show([f"{file}:{line} {text.splitlines()[0]}" for file, line, text in offenders])


def report_functions(sources: Sequence[Source], listed: bool) -> None:
    """Print how long the functions are, from `def` to the last line."""
    lengths = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
    }
    long = [f"{name}: {length} lines" for name, length in lengths.items() if length > LONGEST]
    longest = max(lengths, key=lengths.__getitem__)
    print(
        f"functions: {len(lengths)}, median {median(lengths.values()):g} lines, "
        f"maximum {lengths[longest]} ({longest}), {len(long)} over {LONGEST} lines"
    )
    if listed:
        show(long)


def report_modules(sources: Sequence[Source], listed: bool) -> None:
    """Print how many modules there are, and how many of them lie in the root of the package."""
    root = [file for file, _ in sources if "/" not in file and file != "__init__.py"]
    print(f"modules: {len(sources)}, {len(root)} in the root of the package beside __init__.py")
    if listed:
        show(root)


def share(part: int, whole: int) -> str:
    """Return a part of a whole, with its percentage."""
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "0 of 0"


def show(lines: Sequence[object]) -> None:
    """Print one line for each of these."""
    for line in lines:
        print(f"  {line}")


def main() -> None:
    """Measure the checkout that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="show what is counted")
    parser.add_argument("--checkout", type=Path, default=Path(), help="by default, this directory")
    options = parser.parse_args()
    folder = prepare(options.checkout.resolve())
    report_trace("load and save", load_and_save, folder)
    report_trace("load and save in a request", request, folder)
    report_session(folder, options.list)
    sources = parse(folder)
    report_docstrings(sources, options.list)
    report_functions(sources, options.list)
    report_modules(sources, options.list)


if __name__ == "__main__":
    main()
