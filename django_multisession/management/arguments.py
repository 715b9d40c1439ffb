"""Which sessions a command is about: --user, --reference, --handle."""

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
    text = "of this user: what they log in with, or their primary key"
    parser.add_argument("--user", metavar="USER", help=text)
    text = "of this reference, of MULTISESSION_REFERENCES: org=7"
    parser.add_argument("--reference", metavar="NAME=VALUE", help=text)


def reference_of(user: str | None, reference: str | None) -> Reference | None:
    """What was asked for. Raises CommandError where nobody is called so, or two are."""
    try:
        if user is not None:
            return owners.to_reference("user", _key_of(user))
        if reference is not None:
            name, equals, value = reference.partition("=")
            if not equals:
                raise CommandError(f"--reference takes NAME=VALUE, and not {reference!r}.")
            return owners.to_reference(name, value)
    except ValueError as reason:
        raise CommandError(str(reason)) from reason
    return None


def found(reference: Reference | None) -> Iterator[SessionInfo]:
    """All there are, where nothing was asked for."""
    return sessions.find(*reference) if reference else sessions.all()


def joined(argv: Sequence[str]) -> list[str]:
    """With --handle=... for --handle ...: one handle of 64 begins with a dash, like an option."""
    pairs = zip(["", *argv], argv, strict=False)
    words = [f"--handle={word}" if last == "--handle" else word for last, word in pairs]
    return [word for word in words if word != "--handle"]


def handle(text: str) -> str:
    """Raises CommandError for what is none, a key above all."""
    if keys.is_handle(text):
        return text
    hint = " A key is the secret in the cookie: keep it out of shells." if keys.is_key(text) else ""
    raise CommandError(f"A handle has 43 characters; this is none.{hint}")


def _key_of(text: str) -> str:
    """By what people log in with, and by primary key, also that of a user who is gone."""
    users = get_user_model()
    by_name = users._default_manager.filter(**{users.USERNAME_FIELD: text}).first()
    try:
        key: str | None = owners.user_pk(text)
    except ValueError:
        key = None
    if by_name is None and key is None:
        raise CommandError(f"There is no user {text!r}.")
    if by_name is None or key is None:
        return key or owners.user_pk(by_name)
    if key != owners.user_pk(by_name) and users._default_manager.filter(pk=key).exists():
        raise CommandError(
            f"{text!r} is the name of one user and the primary key of another. Say which: "
            f"--reference user={owners.user_pk(by_name)}, or --reference user={key}."
        )
    return owners.user_pk(by_name)
