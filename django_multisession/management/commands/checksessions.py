"""A doctor for sessions: can the engine do what it should, and is what it holds consistent?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession.maintenance.integrity import Report, check
from django_multisession.management.cli import (
    Progress,
    as_json,
    counted,
    current_engine,
    number,
    report_outages,
)


class Command(BaseCommand):
    help = (
        "Examine the engine in use: ask the server for its configuration and its clock, take a "
        "session that is thrown away through its whole life, and compare, for some of all "
        "sessions, the index with what it is an index of. Says what is wrong, and what to do. "
        "Exit status: 0 all is well; 1 something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = "look at all sessions, instead of some"
        parser.add_argument("--full", action="store_true", help=text)
        text = "sessions looked at (1000)"
        parser.add_argument("--sample", type=number, default=1000, metavar="N", help=text)
        text = "put right the index, and whom sessions belong to"
        parser.add_argument("--repair", action="store_true", help=text)
        text = "print one line of JSON instead of sentences"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *, as_json: bool, **options: Any) -> None:
        engine = current_engine()
        hidden = as_json or options["verbosity"] < 1
        progress = Progress(self.stderr, "Sessions looked at", hidden=hidden)
        names = ("full", "sample", "repair")
        report = check(**{name: options[name] for name in names}, progress=progress)
        progress.end()
        with report_outages(engine):
            self._print_json(report) if as_json else self._print(report)
        if report.findings:
            things = counted(len(report.findings), "thing")
            raise CommandError(f"{things} to see to in {engine.__module__}.")

    def _print_json(self, report: Report) -> None:
        facts = asdict(report) | {"findings": [each._asdict() for each in report.findings]}
        self.stdout.write(as_json(facts))

    def _print(self, report: Report) -> None:
        self.stdout.write(f"Engine      {report.engine}")
        if report.timings:
            self.stdout.write("Life cycle")
        for verb, seconds in report.timings.items():
            self.stdout.write(f"            {verb:<16} {1000 * seconds:>8.2f} ms")
        if report.looked_at or report.about:
            about = f" of about {report.about:,}" if report.about > report.looked_at else ""
            self.stdout.write(f"Sessions    {report.looked_at:,}{about} looked at")
        if report.repaired:
            plural = "s"[: report.repaired != 1]
            self.stdout.write(
                f"Repaired    {report.repaired:,} session{plural}", self.style.WARNING
            )
        for finding in report.findings:
            self.stdout.write(f"\n{finding.problem}", self.style.ERROR)
            self.stdout.write(f"    {finding.remedy}")
        if not report.findings:
            self.stdout.write("All is well.", self.style.SUCCESS)
