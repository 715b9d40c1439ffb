"""A command that ends sessions: single ones, those of a user or reference, or all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession import sessions
from django_multisession.maintenance.wording import count_noun
from django_multisession.management import arguments
from django_multisession.management.cli import current_engine, report_outages

REASON = "ended_by_command"
ALL = "end all sessions"


class Command(BaseCommand):
    help = (
        "End sessions. Their users are logged out at once, and a request in progress fails to "
        "save. Asks for confirmation, unless --yes is given. Exit status: 0 done, even if there "
        "was no session to end; 1 not done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group(required=True)
        arguments.add_arguments(group)
        text = "session with this handle; may be repeated"
        group.add_argument("--handle", action="append", metavar="HANDLE", help=text)
        group.add_argument("--all", action="store_true", help="all sessions, also of visitors")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv(arguments.join_handles(argv))

    def handle(self, *, yes: bool, **options: Any) -> None:
        handles = [*map(arguments.handle, options["handle"] or [])]
        with report_outages(current_engine()):
            reference = arguments.reference_of(options["user"], options["reference"])
            if not yes:
                self._ask(*_question(handles, reference))
            ended = _end(handles, reference)
        text = f"{count_noun(ended, 'session')} ended."
        self.stdout.write(text, self.style.SUCCESS if ended else self.style.WARNING)

    def _ask(self, target: str, word: str) -> None:
        """Ask for confirmation. Raises CommandError without this answer."""
        try:
            answer = input(f"End {target}? Type {word!r} to confirm: ")
        except EOFError:
            raise CommandError(
                "No sessions were ended. There is no input to confirm it; use --yes."
            ) from None
        if answer.strip() != word:
            raise CommandError("No sessions were ended.")


def _question(handles: list[str], reference: arguments.Reference | None) -> tuple[str, str]:
    """Return a description of the sessions to end, and the word that confirms it."""
    if handles:
        return count_noun(len(handles), "session"), "yes"
    if reference:
        number = sum(1 for _ in sessions.find(*reference))
        return f"{count_noun(number, 'session')} of {'='.join(reference)}", "yes"
    return f"all {sessions.count():,} sessions of all users and visitors", ALL


def _end(handles: list[str], reference: arguments.Reference | None) -> int:
    if handles:
        return sum(sessions.end(handle, reason=REASON) for handle in handles)
    if reference:
        return sessions.end_matching(*reference, reason=REASON)
    return sessions.clear()
