"""A command that updates the references of sessions after MULTISESSION_REFERENCES changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from django_multisession.maintenance import reindexing
from django_multisession.maintenance.wording import count_noun
from django_multisession.management.cli import Progress, current_engine, report_outages


class Command(BaseCommand):
    help = (
        "Update the references and the index of all sessions to MULTISESSION_REFERENCES. Run it "
        "once after that setting has changed and every process uses the new value. The site keeps "
        "running meanwhile."
    )

    def handle(self, *, verbosity: int, **options: Any) -> None:
        with report_outages(current_engine()):
            changed = self._reindex(Progress(self.stderr, "Sessions checked", hidden=verbosity < 1))
            if verbosity > 0:
                text = f"References of {count_noun(changed, 'session')} updated."
                self.stdout.write(text, self.style.SUCCESS)

    def _reindex(self, progress: Progress) -> int:
        try:
            return reindexing.reindex(progress=progress)
        finally:
            progress.end()
