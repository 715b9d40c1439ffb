"""The columns of the list, which are also the facts of a session's page."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..web.humanize import ago, marked, now
from .rows import SessionRow
from .users import page_of


class Columns(admin.ModelAdmin):  # type: ignore[type-arg]
    """What they show may be anything, so it is escaped."""

    @admin.display(description=gettext_lazy("device"))
    def device(self, row: SessionRow) -> str:
        if not row.is_current:
            return row.device
        return format_html('{} <span class="session-mark">{}</span>', row.device, _("this one"))

    @admin.display(description=gettext_lazy("user"))
    def whose(self, row: SessionRow) -> str:
        url = page_of(row.user, self.admin_site) if row.user else None
        if url:
            return format_html('<a href="{}">{}</a>', url, row.owner)
        return format_html('<span class="quiet">{}</span>', row.owner)

    @admin.display(description=gettext_lazy("address"))
    def address(self, row: SessionRow) -> SafeString | None:
        return latin(row.info.ip) if row.info.ip else None

    @admin.display(description=gettext_lazy("label"))
    def labelled(self, row: SessionRow) -> str | None:
        return row.info.label or None

    @admin.display(description=gettext_lazy("references"))
    def belongs(self, row: SessionRow) -> SafeString | None:
        """Links to all sessions that have the same."""
        links = [(self.url_of(*each), *each) for each in row.further_references]
        return format_html_join(", ", '<a href="{}">{}: {}</a>', links) or None

    @admin.display(description=gettext_lazy("created"))
    def created(self, row: SessionRow) -> SafeString:
        return ago(row.info.created_at)

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, row: SessionRow) -> SafeString:
        return ago(row.info.last_seen_at)

    @admin.display(description=gettext_lazy("expires"))
    def ends(self, row: SessionRow) -> SafeString:
        """In words only where it is near."""
        end, moment = row.info.expires_at, now()
        if end - moment > timedelta(days=1):
            return marked(end, date_format(timezone.localtime(end), "DATE_FORMAT"))
        return marked(end, _("in %(span)s") % {"span": timeuntil(end, moment, depth=1)})

    def url_of(self, name: str, value: str) -> str:
        """The list of the sessions that have a reference."""
        name_of_list = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        url = reverse(name_of_list, current_app=self.admin_site.name)
        return f"{url}?{urlencode({'q': f'{name}:{value}'})}"


def latin(text: str) -> SafeString:
    """Read from the left, whatever is around it."""
    return format_html('<bdi dir="ltr">{}</bdi>', text)
