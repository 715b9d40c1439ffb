"""End sessions from a terminal: one, those of a user or of anything else, or all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession import sessions
from django_multisession.management import arguments
from django_multisession.management.cli import counted, current_engine, report_outages

REASON = "ended_by_command"
ALL = "end all sessions"


class Command(BaseCommand):
    help = (
        "End sessions: whoever used them is logged out at once, and a request that is under way "
        "fails to save. Asks first, unless --yes is given. Exit status: 0 done, also where there "
        "was nothing to end; 1 not done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        group = parser.add_mutually_exclusive_group(required=True)
        arguments.add_arguments(group)
        text = "this one; may be given several times"
        group.add_argument("--handle", action="append", metavar="HANDLE", help=text)
        group.add_argument("--all", action="store_true", help="everybody's, visitors' included")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv(arguments.joined(argv))

    def handle(self, *, yes: bool, **options: Any) -> None:
        handles = [*map(arguments.handle, options["handle"] or [])]
        with report_outages(current_engine()):
            reference = arguments.reference_of(options["user"], options["reference"])
            if not yes:
                self._ask(*_question(handles, reference))
            ended = _end(handles, reference)
        text = f"{counted(ended, 'session')} ended."
        self.stdout.write(text, self.style.SUCCESS if ended else self.style.WARNING)

    def _ask(self, what: str, word: str) -> None:
        """Raises CommandError where the answer is no, or nobody answers."""
        try:
            answer = input(f"End {what}? Type {word!r} to do it: ")
        except EOFError:
            raise CommandError("Nobody answers; --yes does not ask. Nothing was ended.") from None
        if answer.strip() != word:
            raise CommandError("Nothing was ended.")


def _question(handles: list[str], reference: arguments.Reference | None) -> tuple[str, str]:
    """What will be ended, and the word that says so."""
    if handles:
        return counted(len(handles), "session"), "yes"
    if reference:
        number = sum(1 for _ in sessions.find(*reference))
        return f"{counted(number, 'session')} of {'='.join(reference)}", "yes"
    return f"all {sessions.count():,} sessions of everybody", ALL


def _end(handles: list[str], reference: arguments.Reference | None) -> int:
    if handles:
        return sum(sessions.end(handle, reason=REASON) for handle in handles)
    if reference:
        return sessions.end_matching(*reference, reason=REASON)
    return sessions.clear()
