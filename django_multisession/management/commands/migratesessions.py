"""A command that moves all live sessions from one engine to another."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession import conf
from django_multisession.engine import BACKENDS, load
from django_multisession.maintenance.wording import count_noun
from django_multisession.management.cli import (
    PARTIAL,
    Progress,
    as_json,
    engine_name,
    number,
    require_engine,
)
from django_multisession.management.move_job import ENDED, FAILED, GONE, HERE, MOVED, Move
from django_multisession.management.scheduler import ShutdownFlag
from django_multisession.session import SessionStore
from django_multisession.transfer.base import NotListable, Source
from django_multisession.transfer.detection import source_of

MAX_FAULTS = 20  # shown; --json has all

ONE_BY_ONE = "Add it to MULTISESSION_MIGRATE_FROM: then each session moves when it is next used."


class Command(BaseCommand):
    help = (
        "Move all live sessions to another engine of django_multisession. The site keeps running "
        "on the new engine; nobody is logged out if the previous one is in "
        "MULTISESSION_MIGRATE_FROM. Can be interrupted: run it again to continue. Exit status: 0 "
        "all sessions were moved; 3 stopped early, or some sessions cannot be stored in the new "
        "engine and stay in the previous one; 1 a server failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = "engine to move from: db, redis, dynamodb or a dotted path, for example "
        text += "django.contrib.sessions.backends.db; may be repeated (default: "
        text += "MULTISESSION_MIGRATE_FROM)"
        arguments: dict[str, Any] = {"type": engine_name, "metavar": "ENGINE"}
        parser.add_argument(
            "--from", action="append", dest="sources", default=[], help=text, **arguments
        )
        text = "engine to move to, one of django_multisession (default: SESSION_ENGINE)"
        parser.add_argument("--to", help=text, **arguments)
        text = "the site is stopped meanwhile, so SESSION_ENGINE may be any engine"
        parser.add_argument("--offline", action="store_true", help=text)
        text = "only count, move nothing; sessions that are too large for the new engine are found "
        text += "only when they are moved"
        parser.add_argument("--dry-run", action="store_true", help=text)
        text = "sessions moved at the same time (default: 8)"
        parser.add_argument("--workers", type=number, default=8, metavar="N", help=text)
        text = "print a line of JSON for each engine instead of text"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *, sources: list[str], to: str | None, **options: Any) -> None:
        self._options = options
        to = to or conf.django_setting("SESSION_ENGINE")
        target = _target(to)
        names = sources or conf.get("MULTISESSION_MIGRATE_FROM")
        froms = [_source(name, to) for name in names]
        if not froms:
            raise CommandError(
                "No engine to move from: use --from, or set MULTISESSION_MIGRATE_FROM."
            )
        if not options["offline"] and not options["dry_run"]:
            self._check_site(to, froms)
        with ShutdownFlag() as stop:
            moves = [
                Move(source, target.storage, stop, workers=options["workers"]) for source in froms
            ]
            for move in moves:
                self._run(move)
        if stop or any(move.outcomes[FAILED] for move in moves):
            text = "Stopped early; run it again to continue."
            if not stop:
                text = "Some sessions could not be moved and stay in the previous engine."
            raise CommandError(text, returncode=PARTIAL)

    def _check_site(self, to: str, sources: list[Source]) -> None:
        """Report users whom the move would log out: an error for everybody, a warning for some."""
        if conf.django_setting("SESSION_ENGINE") != to:
            raise CommandError(
                f"SESSION_ENGINE is not {to!r}, so users would be logged out when their session "
                f"moves. Set SESSION_ENGINE to {to!r} and MULTISESSION_MIGRATE_FROM to the engine "
                "that has the sessions now, deploy, and run this again. Or stop the site and use "
                "--offline."
            )
        for source in sources:
            if source.engine not in conf.get("MULTISESSION_MIGRATE_FROM"):
                text = f"{source.engine} is not in MULTISESSION_MIGRATE_FROM: users who visit the "
                text += "site before their session has been moved are logged out."
                self.stderr.write(text, self.style.WARNING)

    def _run(self, move: Move) -> None:
        name, is_dry = move.source.engine, self._options["dry_run"]
        hidden = self._options["as_json"] or self._options["verbosity"] < 1
        progress = Progress(self.stderr, name, hidden=hidden)
        failure = None
        try:
            progress.total = move.source.count() if progress.is_shown else None
            move.count(progress) if is_dry else move.run(progress)
        except NotListable as reason:
            raise CommandError(f"{reason} {ONE_BY_ONE}") from reason
        except Exception as error:  # any client library's
            failure = error
        progress.end()
        self._show(move)
        if failure is not None and self._options["traceback"]:
            raise failure
        if failure is not None:
            text = f"{name}: {type(failure).__name__}: {failure} Run it again to continue."
            raise CommandError(text) from failure

    def _show(self, move: Move) -> None:
        facts = {"engine": move.source.engine, "dry_run": self._options["dry_run"]}
        facts |= {**move.outcomes, "faults": move.faults}
        if self._options["as_json"]:
            self.stdout.write(as_json(facts))
        elif self._options["verbosity"] > 0:
            self.stdout.write(_sentence(move, self._options["dry_run"]))
            for handle, reason in list(move.faults.items())[:MAX_FAULTS]:
                text = reason if handle in reason else f"Session {handle}: {reason}"
                self.stderr.write(f"- {text}", self.style.ERROR)
            if len(move.faults) > MAX_FAULTS:
                self.stderr.write(f"- and {len(move.faults) - MAX_FAULTS} more; --json shows all")


def _sentence(move: Move, is_dry: bool) -> str:
    counts = move.outcomes
    texts = {
        HERE: "already in the new engine",
        ENDED: "ended before they were moved",
        GONE: "expired or empty",
        FAILED: "that the new engine cannot store",
    }
    others = "".join(f"; {counts[name]:,} {text}" for name, text in texts.items() if counts[name])
    verb = "to move" if is_dry else "moved"
    return f"{move.source.engine}: {count_noun(counts[MOVED], 'session')} {verb}{others}."


def _target(name: str) -> type[SessionStore]:
    """Return the engine to move to. Raises CommandError if it is not one of this package."""
    engine = require_engine(name, load)
    if not issubclass(engine, SessionStore):
        raise CommandError(
            f"{name!r} is not an engine of django_multisession. Other engines store session keys, "
            "and django_multisession knows only their hashes. To go back, let each session move "
            f"when it is used: set SESSION_ENGINE to {BACKENDS}django_db, for example, and "
            "MULTISESSION_MIGRATE_FROM to the previous engine."
        )
    return engine


def _source(name: str, to: str) -> Source:
    if name == to:
        raise CommandError(f"--from and --to are the same engine: {name!r}.")
    return require_engine(name, _checked_source)


def _checked_source(name: str) -> Source:
    source = source_of(name)
    source.check()
    return source
