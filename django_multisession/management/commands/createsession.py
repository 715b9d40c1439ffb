"""A session without a browser: a token for a script."""

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
        "Create a session that a script uses with the header Authorization: Bearer <token>. The "
        "token goes to the output, once, and nothing else does; keep it as a password is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser.add_mutually_exclusive_group(required=True))
        text = "what to call it in the list of the user's devices"
        parser.add_argument("--label", metavar="TEXT", default="", help=text)
        text = "how long it lasts, even if it is used: 12h, 30d (as long as sessions usually do)"
        parser.add_argument("--expires-in", type=duration, metavar="TIME", help=text)

    def handle(self, *, label: str, expires_in: timedelta | None, **options: Any) -> None:
        with report_outages(current_engine()):
            user = _user_of(options["user"], options["reference"])
            session = _created(user, label, expires_in)
            self.stdout.write(session.session_key or "")
        if options["verbosity"] > 0:
            end = localtime(session.expires_at)
            self.stderr.write(f"Session {session.handle}, until {end:%Y-%m-%d %H:%M}.")


def _user_of(name: str | None, reference: str | None) -> Any:
    """Raises CommandError for who could not log in either."""
    kind, key = arguments.reference_of(name, reference) or ("", "")
    if kind != "user":
        raise CommandError("A session is created for a user: --user, or --reference user=...")
    user = get_user_model()._default_manager.filter(pk=key).first()
    if user is None:
        raise CommandError(f"There is no user {name or key!r}.")
    if not getattr(user, "is_active", True):
        raise CommandError(f"User {user.get_username()!r} is not active: a token would be refused.")
    return user


def _created(user: Any, label: str, expires_in: timedelta | None) -> SessionStore:
    try:
        return sessions.create(user, label=label, expires_in=expires_in)
    except OverflowError as error:
        raise CommandError("--expires-in is beyond the end of all calendars.") from error
    except ValueError as error:
        raise CommandError(str(error)) from error
