"""After MULTISESSION_REFERENCES has changed: have sessions belong to whom it says now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from django_multisession.maintenance import reindexing


class Command(BaseCommand):
    help = (
        "Index all sessions by what MULTISESSION_REFERENCES says now. To be run once after that "
        "setting has changed, and every process uses it; sessions go on meanwhile."
    )

    def handle(self, **options: Any) -> None:
        changed = reindexing.reindex(progress=self._show)
        text = f"Sessions that belong to somebody else now: {changed}."
        self.stdout.write(text, self.style.SUCCESS)

    def _show(self, seen: int) -> None:
        self.stdout.write(f"{seen} sessions looked at")
