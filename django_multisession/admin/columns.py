"""The columns of the list, which are also the facts of a session's page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..engine import store
from .people import page_of
from .rows import Row

MINUTE = 60


class Columns(admin.ModelAdmin):  # type: ignore[type-arg]
    """What they show may be anything, so it is escaped."""

    @admin.display(description=gettext_lazy("device"))
    def device(self, row: Row) -> str:
        if not row.is_current:
            return row.device
        return format_html('{} <span class="session-mark">{}</span>', row.device, _("this one"))

    @admin.display(description=gettext_lazy("user"))
    def whose(self, row: Row) -> str:
        url = page_of(row.user, self.admin_site) if row.user else None
        if url:
            return format_html('<a href="{}">{}</a>', url, row.owner)
        return format_html('<span class="quiet">{}</span>', row.owner)

    @admin.display(description=gettext_lazy("address"))
    def address(self, row: Row) -> SafeString | None:
        return latin(row.info.ip) if row.info.ip else None

    @admin.display(description=gettext_lazy("label"))
    def labelled(self, row: Row) -> str | None:
        return row.info.label or None

    @admin.display(description=gettext_lazy("references"))
    def belongs(self, row: Row) -> SafeString | None:
        """Links to all sessions that have the same."""
        links = [(self.url_of(*each), *each) for each in row.further_references]
        return format_html_join(", ", '<a href="{}">{}: {}</a>', links) or None

    @admin.display(description=gettext_lazy("created"))
    def created(self, row: Row) -> SafeString:
        return _ago(row.info.created_at)

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, row: Row) -> SafeString:
        return _ago(row.info.last_seen_at)

    @admin.display(description=gettext_lazy("expires"))
    def ends(self, row: Row) -> SafeString:
        """In words only where it is near."""
        end, now = row.info.expires_at, _now()
        if end - now > timedelta(days=1):
            return _moment(end, date_format(timezone.localtime(end), "DATE_FORMAT"))
        return _moment(end, _("in %(span)s") % {"span": timeuntil(end, now, depth=1)})

    def url_of(self, name: str, value: str) -> str:
        """The list of the sessions that have a reference."""
        name_of_list = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        url = reverse(name_of_list, current_app=self.admin_site.name)
        return f"{url}?{urlencode({'q': f'{name}:{value}'})}"


def latin(text: str) -> SafeString:
    """Read from the left, whatever is around it."""
    return format_html('<bdi dir="ltr">{}</bdi>', text)


def _ago(at: datetime) -> SafeString:
    if (_now() - at).total_seconds() < MINUTE:
        return _moment(at, _("just now"))
    return _moment(at, _("%(span)s ago") % {"span": timesince(at, _now(), depth=1)})


def _moment(at: datetime, words: str) -> SafeString:
    exact = date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, words)


def _now() -> datetime:
    return store().storage.clock()
