"""Move all live sessions from one engine to another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession import conf
from django_multisession.engine import BACKENDS
from django_multisession.management.cli import (
    PARTIAL,
    Progress,
    as_json,
    engine_name,
    engine_of,
    number,
    require_engine,
)
from django_multisession.management.move_job import ENDED, FAILED, GONE, HERE, MOVED, Move
from django_multisession.management.scheduler import ShutdownFlag
from django_multisession.session import SessionStore
from django_multisession.transfer.base import NotListable, Source
from django_multisession.transfer.detection import source_of

SHOWN = 20  # faults

ONE_BY_ONE = (
    "Name it in MULTISESSION_MIGRATE_FROM: then each session is moved when its key is offered."
)


class Command(BaseCommand):
    help = (
        "Move all live sessions of one engine to another of django_multisession, while the site "
        "runs on that other one: with --from in MULTISESSION_MIGRATE_FROM nobody notices. Can be "
        "interrupted, and goes on where it stopped when it is run again. Exit status: 0 all were "
        "moved; 3 stopped before the end, or some cannot be moved and stay where they are; 1 a "
        "server failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = "db, redis, dynamodb, or a dotted path, django.contrib.sessions.backends.db for "
        text += "example; may be given several times (those of MULTISESSION_MIGRATE_FROM)"
        arguments: dict[str, Any] = {"type": engine_name, "metavar": "ENGINE"}
        parser.add_argument(
            "--from", action="append", dest="sources", default=[], help=text, **arguments
        )
        parser.add_argument("--to", help="an engine of ours (SESSION_ENGINE)", **arguments)
        dry = "count, and move nothing; what is too large for a server shows only when it is moved"
        text = "the site does not run meanwhile, so that SESSION_ENGINE may be any"
        parser.add_argument("--offline", action="store_true", help=text)
        parser.add_argument("--dry-run", action="store_true", help=dry)
        text = "sessions moved at a time (8)"
        parser.add_argument("--workers", type=number, default=8, metavar="N", help=text)
        text = "print a line of JSON for each engine instead of sentences"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *, sources: list[str], to: str | None, **options: Any) -> None:
        self._options = options
        to = to or conf.django_setting("SESSION_ENGINE")
        target = _target(to)
        froms = [_source(name, to) for name in sources or conf.get("MULTISESSION_MIGRATE_FROM")]
        if not froms:
            raise CommandError("Say where sessions are: --from, or MULTISESSION_MIGRATE_FROM.")
        if not options["offline"] and not options["dry_run"]:
            self._check_site(to, froms)
        with ShutdownFlag() as stop:
            moves = [Move(s, target.storage, stop, workers=options["workers"]) for s in froms]
            for move in moves:
                self._run(move)
        if stop or any(move.outcomes[FAILED] for move in moves):
            text = "Stopped before the end; run it again." if stop else "Not all could be moved."
            raise CommandError(text, returncode=PARTIAL)

    def _check_site(self, to: str, sources: list[Source]) -> None:
        """Whom the move would log out."""
        if conf.django_setting("SESSION_ENGINE") != to:
            raise CommandError(
                f"SESSION_ENGINE is not {to!r}: whose session has been moved would be logged out. "
                "Set it, and MULTISESSION_MIGRATE_FROM to where sessions are now, and run this "
                "then. Or stop the site, and say so: --offline."
            )
        for source in sources:
            if source.engine not in conf.get("MULTISESSION_MIGRATE_FROM"):
                text = f"{source.engine} is not in MULTISESSION_MIGRATE_FROM: who comes before "
                text += "their session has been moved is logged out."
                self.stderr.write(text, self.style.WARNING)

    def _run(self, move: Move) -> None:
        name, is_dry = move.source.engine, self._options["dry_run"]
        hidden = self._options["as_json"] or self._options["verbosity"] < 1
        progress = Progress(self.stderr, name, hidden=hidden)
        failure = None
        try:
            progress.total = move.source.count() if progress.is_shown else None
            move.look(progress) if is_dry else move.run(progress)
        except NotListable as reason:
            raise CommandError(f"{reason} {ONE_BY_ONE}") from reason
        except Exception as error:  # of whatever client library
            failure = error
        progress.end()
        self._show(move)
        if failure is not None and self._options["traceback"]:
            raise failure
        if failure is not None:
            text = f"{name}: {type(failure).__name__}: {failure} Run it again to go on."
            raise CommandError(text) from failure

    def _show(self, move: Move) -> None:
        facts = {"engine": move.source.engine, "dry_run": self._options["dry_run"]}
        facts |= {**move.outcomes, "faults": move.faults}
        if self._options["as_json"]:
            self.stdout.write(as_json(facts))
        elif self._options["verbosity"] > 0:
            self.stdout.write(_sentence(move, self._options["dry_run"]))
            for handle, reason in list(move.faults.items())[:SHOWN]:
                named = reason if handle in reason else f"Session {handle}: {reason}"
                self.stderr.write(f"- {named}", self.style.ERROR)
            if len(move.faults) > SHOWN:
                self.stderr.write(f"- and {len(move.faults) - SHOWN} more: see --json")


def _sentence(move: Move, is_dry: bool) -> str:
    counts = move.outcomes
    texts = {
        HERE: "here already",
        ENDED: "ended here before they came",
        GONE: "over, or empty",
        FAILED: "left there, not to be stored here",
    }
    further = "".join(f"; {counts[o]:,} {text}" for o, text in texts.items() if counts[o])
    done = "to move" if is_dry else "moved"
    return f"{move.source.engine}: {counts[MOVED]:,} sessions {done}{further}."


def _target(name: str) -> type[SessionStore]:
    engine = engine_of(name)
    if not issubclass(engine, SessionStore):
        raise CommandError(
            f"{name!r} is no engine of django_multisession, and these know no keys, but their "
            f"hashes. The way back is one by one: set SESSION_ENGINE to {BACKENDS}django_db, for "
            "example, and MULTISESSION_MIGRATE_FROM to the engine so far."
        )
    return engine


def _source(name: str, to: str) -> Source:
    if name == to:
        raise CommandError(f"--from and --to are the same engine: {name!r}.")
    with require_engine(name):
        source = source_of(name)
        source.check()
    return source
