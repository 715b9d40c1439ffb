"""A command that creates a session for a script and prints its token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime

from django_multisession import sessions
from django_multisession.management import arguments
from django_multisession.management.cli import current_engine, duration, report_outages
from django_multisession.session import SessionStore


class Command(BaseCommand):
    help = (
        "Create a session for a script, which sends the header Authorization: Bearer <token>. "
        "Prints the token, and nothing else, to stdout. It is shown only once; keep it like a "
        "password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser.add_mutually_exclusive_group(required=True))
        text = "name of the session in the user's list of devices"
        parser.add_argument("--label", metavar="TEXT", default="", help=text)
        text = "lifetime, even if the session is used: 12h, 30d (default: as for other sessions)"
        parser.add_argument("--expires-in", type=duration, metavar="TIME", help=text)

    def handle(self, *, label: str, expires_in: timedelta | None, **options: Any) -> None:
        with report_outages(current_engine()):
            user = _user_of(options["user"], options["reference"])
            session = _create(user, label, expires_in)
            self.stdout.write(session.session_key or "")
        if options["verbosity"] > 0:
            end = localtime(session.expires_at)
            self.stderr.write(
                f"Created session {session.handle}, which expires at {end:%Y-%m-%d %H:%M}."
            )


def _user_of(name: str | None, reference: str | None) -> Any:
    """Return the user. Raises CommandError if there is none, or if they may not log in."""
    kind, key = arguments.reference_of(name, reference) or ("", "")
    if kind != "user":
        raise CommandError("A session is created for a user: use --user or --reference user=...")
    user = get_user_model()._default_manager.filter(pk=key).first()
    if user is None:
        raise CommandError(f"No user has the login name or primary key {name or key!r}.")
    if not getattr(user, "is_active", True):
        raise CommandError(
            f"User {user.get_username()!r} is not active, so the token would be refused."
        )
    return user


def _create(user: Any, label: str, expires_in: timedelta | None) -> SessionStore:
    try:
        return sessions.create(user, label=label, expires_in=expires_in)
    except OverflowError as error:
        raise CommandError(
            "--expires-in is too long: the session would expire after the year 9999."
        ) from error
    except ValueError as error:
        raise CommandError(str(error)) from error
