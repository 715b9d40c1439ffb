"""Prune: delete sessions that are over, and on request those that have outlived their use."""

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
        "Delete sessions that are over, and what the index still holds of them, in small batches "
        "while the site runs. Safe to run at any time, several at once. With --older-than or "
        "--idle: end sessions that are still good, too. Exit status: 0 all is done; 3 stopped "
        "before the end (a limit, SIGTERM), the rest is for the next run; 1 an engine failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        _add_engines(parser)
        _add_pace(parser)
        _add_policy(parser)
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")
        text = "tell no receiver of the signal session_ended: faster"
        parser.add_argument("--no-signals", action="store_true", help=text)
        text = "print a line of JSON for each engine instead of sentences"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, **options: Any) -> None:
        self._json, self._verbosity = options["as_json"], options["verbosity"]
        every, policy = _time(options["every"]), _policy(options)
        with ShutdownFlag(_time(options["max_runtime"])) as stop:
            flags = {"dry_run": options["dry_run"], "raises": options["traceback"]}
            rest = Throttle(stop, options["batch_size"], options["pause"])
            job = Job(_engines(options), policy, _pace(options), rest, **flags)
            if every:
                purpose = purpose_of(job.engines, policy)
                with LeaderLoop(_shared(job), purpose, every.total_seconds(), stop) as steady:
                    self._stay(job, steady)
            else:
                self._conclude(self._run(job))

    def _stay(self, job: Job, steady: LeaderLoop) -> None:
        """Until SIGTERM. What fails is told, and tried again the next time."""
        job.renew = steady.renew
        for is_ours in steady.turns(self.stderr.write):
            if is_ours:
                self._run(job)
            elif self._verbosity > 1:
                self.stdout.write("Another instance is at it.")
            self.stdout.flush()
            close_old_connections()  # or one that was lost is never made anew

    def _run(self, job: Job) -> list[Result]:
        hidden = self._json or self._verbosity < 1
        return [self._shown(each) for each in job.run(self.stderr, hidden=hidden)]

    def _shown(self, result: Result) -> Result:
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
            raise CommandError(f"Failed: {', '.join(failed)}.", returncode=1)
        if any(result.status == "partial" for result in results):
            if self._verbosity < 1:
                sys.exit(PARTIAL)
            raise CommandError("Stopped before the end; run it again.", returncode=PARTIAL)


def purpose_of(engines: Iterable[str], policy: RetentionPolicy | None) -> str:
    """What all instances that do the same have in common."""
    return f"clearsessions_multi {[*engines]} {policy}"


def _add_engines(parser: CommandParser) -> None:
    group = parser.add_mutually_exclusive_group()
    text = "db, redis, dynamodb, or a dotted path; may be given several times (SESSION_ENGINE)"
    group.add_argument("--engine", action="append", type=engine_name, default=[], help=text)
    text = "SESSION_ENGINE and those of MULTISESSION_MIGRATE_FROM"
    group.add_argument("--all", action="store_true", help=text)


def _add_pace(parser: CommandParser) -> None:
    group = parser.add_argument_group("pace")
    text = "sessions deleted at a time (1000)"
    group.add_argument("--batch-size", type=number, default=1000, metavar="N", help=text)
    text = "seconds between two batches, so that others get their turn (0.005)"
    group.add_argument("--pause", type=seconds, default=0.005, metavar="SECONDS", help=text)
    text = "stop after so many sessions, of each engine"
    group.add_argument("--limit", type=number, metavar="N", help=text)
    text = "stop after this time: 45 (seconds), 90m, 12h"
    group.add_argument("--max-runtime", type=duration, metavar="TIME", help=text)
    text = "stay, and do it again after this time, give or take a tenth, until SIGTERM; of several "
    text += "instances, on any machines, one is at work and the others stand by"
    group.add_argument("--every", type=duration, metavar="TIME", help=text)


def _add_policy(parser: CommandParser) -> None:
    group = parser.add_argument_group("sessions that are not over yet, to end them, too")
    text = "those that began longer ago: 30d, 12h; with --idle only those of which both are true"
    group.add_argument("--older-than", type=duration, metavar="TIME", help=text)
    text = "those that were not used for longer"
    group.add_argument("--idle", type=duration, metavar="TIME", help=text)
    text = "of these only the ones that belong to nobody"
    group.add_argument("--anonymous", action="store_true", help=text)


def _policy(options: dict[str, Any]) -> RetentionPolicy | None:
    older_than, idle = _time(options["older_than"]), _time(options["idle"])
    if older_than or idle:
        return RetentionPolicy(older_than=older_than, idle=idle, anonymous=options["anonymous"])
    if options["anonymous"]:
        raise CommandError("--anonymous needs --idle or --older-than: visitors are here just now.")
    return None


def _engines(options: dict[str, Any]) -> list[str]:
    current = conf.django_setting("SESSION_ENGINE")
    if options["all"]:
        return list(dict.fromkeys([current, *conf.get("MULTISESSION_MIGRATE_FROM")]))
    return options["engine"] or [current]


def _time(value: Any) -> timedelta | None:
    """`call_command` hands on what it is given, as text perhaps."""
    return duration(value) if isinstance(value, str) else value


def _pace(options: dict[str, Any]) -> Pace:
    """Without pauses: these have to end when the command does, and `Rest` makes them."""
    announces = not options["no_signals"]
    return Pace(batch_size=options["batch_size"], limit=options["limit"], announces=announces)


def _shared(job: Job) -> Storage:
    """Where the instances agree on who is at work."""
    for engine in job.engines.values():
        if issubclass(engine, SessionStore):
            return engine.storage
    raise CommandError("--every needs an engine of django_multisession, which keeps the lease.")
