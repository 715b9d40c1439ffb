"""Arguments that select sessions: --user, --reference, --handle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from .. import sessions
from ..core import keys
from ..sessions import owners
from ..sessions.info import SessionInfo

Reference = tuple[str, str]


def add_arguments(parser: Any) -> None:
    """Add --user and --reference to a parser or a group."""
    text = "a user, by login name or primary key"
    parser.add_argument("--user", metavar="USER", help=text)
    text = "a reference, for example org=7; the names are those of "
    text += "MULTISESSION_REFERENCES"
    parser.add_argument("--reference", metavar="NAME=VALUE", help=text)


def reference_of(user: str | None, reference: str | None) -> Reference | None:
    """Return the reference that --user or --reference selects; None without both.

    Raises CommandError if no user or more than one matches, or if the reference is malformed.
    """
    try:
        if user is not None:
            return owners.to_reference("user", _user_pk(user))
        if reference is not None:
            name, equals, value = reference.partition("=")
            if not equals:
                raise CommandError(
                    f"--reference must be NAME=VALUE, for example org=7, not {reference!r}."
                )
            return owners.to_reference(name, value)
    except ValueError as reason:
        raise CommandError(str(reason)) from reason
    return None


def find(reference: Reference | None) -> Iterator[SessionInfo]:
    """Return the sessions with a reference, or all sessions if it is None."""
    return sessions.find(*reference) if reference else sessions.all()


def join_handles(argv: Sequence[str]) -> list[str]:
    """Replace "--handle X" with "--handle=X".

    One handle of 64 begins with a dash, and argparse would take it for an option.
    """
    pairs = zip(["", *argv], argv, strict=False)
    words = [f"--handle={word}" if previous == "--handle" else word for previous, word in pairs]
    return [word for word in words if word != "--handle"]


def handle(text: str) -> str:
    """Return the handle. Raises CommandError if the text is not one, but a key for example."""
    if keys.is_handle(text):
        return text
    hint = "Copy it from listsessions."
    if keys.is_key(text):
        hint = "This looks like a session key, the secret in the cookie: keep keys out of shells."
    raise CommandError(
        f"A handle has 43 characters of A-Z a-z 0-9 - _, and this is not one. {hint}"
    )


def _user_pk(text: str) -> str:
    """Return the primary key of a user, given as login name or primary key.

    The primary key of a deleted user is accepted as well, so that their sessions can be ended.
    """
    users = get_user_model()
    by_name = users._default_manager.filter(**{users.USERNAME_FIELD: text}).first()
    try:
        key: str | None = owners.user_pk(text)
    except ValueError:
        key = None
    if by_name is None and key is None:
        raise CommandError(f"No user has the login name or primary key {text!r}.")
    if by_name is None or key is None:
        return key or owners.user_pk(by_name)
    if key != owners.user_pk(by_name) and users._default_manager.filter(pk=key).exists():
        raise CommandError(
            f"{text!r} is the login name of one user and the primary key of another. Use "
            f"--reference user={owners.user_pk(by_name)} for the first, or "
            f"--reference user={key} for the second."
        )
    return owners.user_pk(by_name)
