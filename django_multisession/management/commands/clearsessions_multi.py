"""A command that deletes expired sessions, and on request ends old or unused ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from django_multisession import conf
from django_multisession.maintenance.pruning import Pace, RetentionPolicy
from django_multisession.management.cli import (
    PARTIAL,
    as_json,
    duration,
    engine_name,
    number,
    seconds,
)
from django_multisession.management.prune_job import Job, Result, Throttle
from django_multisession.management.scheduler import LeaderLoop, ShutdownFlag
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage


class Command(BaseCommand):
    help = (
        "Delete expired sessions and their index entries, in small batches while the site runs. "
        "Can be run at any time, also several times at once. --older-than and --idle also end "
        "sessions that have not expired. Exit status: 0 done; 3 stopped early by a limit or a "
        "signal, run it again to continue; 1 an engine failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        _add_engines(parser)
        _add_pace(parser)
        _add_policy(parser)
        parser.add_argument("--dry-run", action="store_true", help="only count, delete nothing")
        text = "do not send the signal session_ended; faster if it has receivers"
        parser.add_argument("--no-signals", action="store_true", help=text)
        text = "print a line of JSON for each engine instead of text"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, **options: Any) -> None:
        self._json, self._verbosity = options["as_json"], options["verbosity"]
        every, policy = _time(options["every"]), _policy(options)
        with ShutdownFlag(_time(options["max_runtime"])) as stop:
            flags = {"dry_run": options["dry_run"], "raises": options["traceback"]}
            throttle = Throttle(stop, options["batch_size"], options["pause"])
            job = Job(_engines(options), policy, _pace(options), throttle, **flags)
            if every:
                purpose = purpose_of(job.engines, policy)
                with LeaderLoop(_shared(job), purpose, every.total_seconds(), stop) as loop:
                    self._run_periodically(job, loop)
            else:
                self._conclude(self._run(job))

    def _run_periodically(self, job: Job, loop: LeaderLoop) -> None:
        """Run the job once an interval until SIGTERM. Failures are reported and tried again."""
        job.renew = loop.renew
        for is_active in loop.turns(self.stderr.write):
            if is_active:
                self._run(job)
            elif self._verbosity > 1:
                self.stdout.write("Another instance is active.")
            self.stdout.flush()
            close_old_connections()  # Django replaces a lost connection only when asked to

    def _run(self, job: Job) -> list[Result]:
        hidden = self._json or self._verbosity < 1
        return [self._show(result) for result in job.run(self.stderr, hidden=hidden)]

    def _show(self, result: Result) -> Result:
        if self._json:
            self.stdout.write(as_json(result.facts()))
        elif result.error:
            self.stderr.write(result.sentence(), self.style.ERROR)
        elif self._verbosity > 0:
            self.stdout.write(result.sentence())
        return result

    def _conclude(self, results: list[Result]) -> None:
        failed = [result.engine for result in results if result.status == "failed"]
        if failed:
            raise CommandError(f"Pruning failed: {', '.join(failed)}.", returncode=1)
        if any(result.status == "partial" for result in results):
            if self._verbosity < 1:
                sys.exit(PARTIAL)
            raise CommandError("Stopped early; run it again to continue.", returncode=PARTIAL)


def purpose_of(engines: Iterable[str], policy: RetentionPolicy | None) -> str:
    """Return the text that all instances with the same engines and policy share."""
    return f"clearsessions_multi {[*engines]} {policy}"


def _add_engines(parser: CommandParser) -> None:
    group = parser.add_mutually_exclusive_group()
    text = "engine to prune: db, redis, dynamodb or a dotted path; may be repeated (default: "
    text += "SESSION_ENGINE)"
    group.add_argument("--engine", action="append", type=engine_name, default=[], help=text)
    text = "prune SESSION_ENGINE and the engines of MULTISESSION_MIGRATE_FROM"
    group.add_argument("--all", action="store_true", help=text)


def _add_pace(parser: CommandParser) -> None:
    group = parser.add_argument_group("pace")
    text = "sessions in a batch (default: 1000)"
    group.add_argument("--batch-size", type=number, default=1000, metavar="N", help=text)
    text = "pause between two batches, for other clients of the server (default: 0.005)"
    group.add_argument("--pause", type=seconds, default=0.005, metavar="SECONDS", help=text)
    text = "maximum number of sessions, for each engine"
    group.add_argument("--limit", type=number, metavar="N", help=text)
    text = "stop after this time: 45 (seconds), 90m, 12h"
    group.add_argument("--max-runtime", type=duration, metavar="TIME", help=text)
    text = "keep running and prune at this interval, give or take a tenth, until SIGTERM; of "
    text += "several instances, on any machines, one is active and the others stand by"
    group.add_argument("--every", type=duration, metavar="TIME", help=text)


def _add_policy(parser: CommandParser) -> None:
    group = parser.add_argument_group("ending sessions that have not expired")
    text = "end sessions that began longer ago: 30d, 12h; with --idle both must be true"
    group.add_argument("--older-than", type=duration, metavar="TIME", help=text)
    text = "end sessions that were last used longer ago"
    group.add_argument("--idle", type=duration, metavar="TIME", help=text)
    text = "of these, end only sessions that belong to nobody"
    group.add_argument("--anonymous", action="store_true", help=text)


def _policy(options: dict[str, Any]) -> RetentionPolicy | None:
    older_than, idle = _time(options["older_than"]), _time(options["idle"])
    if older_than or idle:
        return RetentionPolicy(older_than=older_than, idle=idle, anonymous=options["anonymous"])
    if options["anonymous"]:
        raise CommandError(
            "--anonymous needs --idle or --older-than: it would end the sessions of all visitors."
        )
    return None


def _engines(options: dict[str, Any]) -> list[str]:
    current = conf.django_setting("SESSION_ENGINE")
    if options["all"]:
        return list(dict.fromkeys([current, *conf.get("MULTISESSION_MIGRATE_FROM")]))
    return options["engine"] or [current]


def _time(value: Any) -> timedelta | None:
    """Parse a duration given as text: `call_command` does not convert its keyword arguments."""
    return duration(value) if isinstance(value, str) else value


def _pace(options: dict[str, Any]) -> Pace:
    """Return a pace without pauses: `Throttle` makes them, as it can cut them short."""
    announces = not options["no_signals"]
    return Pace(batch_size=options["batch_size"], limit=options["limit"], announces=announces)


def _shared(job: Job) -> Storage:
    """Return the storage that keeps the lease of the active instance."""
    for engine in job.engines.values():
        if issubclass(engine, SessionStore):
            return engine.storage
    raise CommandError(
        "--every needs an engine of django_multisession to keep its lease in. Add one: --engine db."
    )
