"""A command that checks the session engine and the consistency of its sessions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_multisession.maintenance.integrity import Report, check
from django_multisession.maintenance.wording import count_noun
from django_multisession.management.cli import (
    Progress,
    as_json,
    current_engine,
    number,
    report_outages,
)


class Command(BaseCommand):
    help = (
        "Check the session engine: ask the server for its configuration and its clock, try every "
        "operation with a test session, and check that a sample of the stored sessions agrees with "
        "the index. Reports each problem with its remedy. "
        "Exit status: 0 no problems; 1 problems were found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        text = "check all sessions instead of a sample"
        parser.add_argument("--full", action="store_true", help=text)
        text = "number of sessions to check (default: 1000)"
        parser.add_argument("--sample", type=number, default=1000, metavar="N", help=text)
        text = "repair the index and the references of the sessions checked"
        parser.add_argument("--repair", action="store_true", help=text)
        text = "print one line of JSON instead of text"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *, as_json: bool, **options: Any) -> None:
        engine = current_engine()
        hidden = as_json or options["verbosity"] < 1
        progress = Progress(self.stderr, "Sessions checked", hidden=hidden)
        names = ("full", "sample", "repair")
        report = check(**{name: options[name] for name in names}, progress=progress)
        progress.end()
        with report_outages(engine):
            self._print_json(report) if as_json else self._print(report)
        if report.findings:
            problems = count_noun(len(report.findings), "problem")
            raise CommandError(f"{problems} found in {engine.__module__}.")

    def _print_json(self, report: Report) -> None:
        facts = asdict(report) | {"findings": [finding._asdict() for finding in report.findings]}
        self.stdout.write(as_json(facts))

    def _print(self, report: Report) -> None:
        self.stdout.write(f"Engine      {report.engine}")
        if report.timings:
            self.stdout.write("Self-test")
        for step, seconds in report.timings.items():
            self.stdout.write(f"            {step:<16} {1000 * seconds:>8.2f} ms")
        if report.looked_at or report.about:
            about = f" of about {report.about:,}" if report.about > report.looked_at else ""
            self.stdout.write(f"Sessions    {report.looked_at:,}{about} checked")
        if report.repaired:
            sessions = count_noun(report.repaired, "session")
            self.stdout.write(f"Repaired    {sessions}", self.style.WARNING)
        for finding in report.findings:
            self.stdout.write(f"\n{finding.problem}", self.style.ERROR)
            self.stdout.write(f"    {finding.remedy}")
        if not report.findings:
            self.stdout.write("No problems found.", self.style.SUCCESS)
