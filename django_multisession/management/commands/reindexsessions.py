"""A command that updates the references of sessions after MULTISESSION_REFERENCES changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from django_multisession.maintenance import reindexing
from django_multisession.maintenance.wording import count_noun


class Command(BaseCommand):
    help = (
        "Update the references and the index of all sessions to MULTISESSION_REFERENCES. Run it "
        "once after that setting has changed and every process uses the new value. The site keeps "
        "running meanwhile."
    )

    def handle(self, **options: Any) -> None:
        changed = reindexing.reindex(progress=self._show)
        text = f"References of {count_noun(changed, 'session')} updated."
        self.stdout.write(text, self.style.SUCCESS)

    def _show(self, seen: int) -> None:
        self.stdout.write(f"{count_noun(seen, 'session')} checked")
