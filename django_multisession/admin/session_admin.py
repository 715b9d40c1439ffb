"""`SessionAdmin`: the list of sessions, the page of one, and the pages that confirm an ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import conf, sessions
from ..sessions import owners
from ..web.humanize import ago, marked, now
from ..web.outages import answer_503, page_503
from . import actions
from .actions import Confirmation
from .changelist import SessionList
from .data_tree import build_tree, has_hidden
from .filters import Expiry, Owner, SignedIn
from .rows import SessionRow, make_rows
from .users import change_url

LIST = "django_multisession_session_changelist"
# Names of the submit buttons of our forms. The first one is Django's own for confirmed actions.
CONFIRMED, REVEAL = "post", "reveal"


class SessionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The admin of sessions. They can be viewed and ended, but not added or changed."""

    list_filter = (SignedIn, Owner, Expiry)
    search_fields = ("handle",)  # makes Django show the search box; see search.py
    search_help_text = gettext_lazy(
        "User name, e-mail address or primary key of a user; an IP address or a network "
        "(192.0.2.0/24); the handle of a session; or a reference (user:42)."
    )
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    actions = ("delete_selected", "log_out_everywhere")

    class Media:
        css = {"all": ["django_multisession/admin.css"]}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        names = ["device", "owner", "ip_address", "session_label"]
        names += ["further_references"] if conf.references().keys() - {"user"} else []
        return [*names, "created", "last_seen", "expires"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SessionList]:
        return SessionList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row of the session with this handle, or None. Not a model instance."""
        info = sessions.get(object_id)
        return make_rows([info], request)[0] if info else None

    # Permissions

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_perm(self, request: HttpRequest, codename: str) -> bool:
        """Return whether the user has this permission of the app."""
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    # Columns of the list, which are also the facts on the page of a session. They show what
    # clients have sent, so everything is escaped.

    @admin.display(description=gettext_lazy("device"))
    def device(self, row: SessionRow) -> str:
        if not row.is_current:
            return row.device
        mark = _("current")
        return format_html('{} <span class="session-mark">{}</span>', row.device, mark)

    @admin.display(description=gettext_lazy("user"))
    def owner(self, row: SessionRow) -> str:
        url = change_url(row.user, self.admin_site) if row.user else None
        if url:
            return format_html('<a href="{}">{}</a>', url, row.owner)
        return format_html('<span class="quiet">{}</span>', row.owner)

    @admin.display(description=gettext_lazy("IP address"))
    def ip_address(self, row: SessionRow) -> SafeString | None:
        return left_to_right(row.info.ip) if row.info.ip else None

    # Not "label": that is a field of the model, which Django would read instead.
    @admin.display(description=gettext_lazy("label"))
    def session_label(self, row: SessionRow) -> str | None:
        return row.info.label or None

    @admin.display(description=gettext_lazy("references"))
    def further_references(self, row: SessionRow) -> SafeString | None:
        """Return links to the lists of all sessions with the same reference."""
        links = [
            (self.list_url(name, value), name, value) for name, value in row.further_references
        ]
        return format_html_join(", ", '<a href="{}">{}: {}</a>', links) or None

    @admin.display(description=gettext_lazy("created"))
    def created(self, row: SessionRow) -> SafeString:
        return ago(row.info.created_at)

    @admin.display(description=gettext_lazy("last seen"))
    def last_seen(self, row: SessionRow) -> SafeString:
        return ago(row.info.last_seen_at)

    @admin.display(description=gettext_lazy("expires"))
    def expires(self, row: SessionRow) -> SafeString:
        """Return the time left if it is a day or less, else the date."""
        end, current = row.info.expires_at, now()
        if end - current > timedelta(days=1):
            return marked(end, date_format(timezone.localtime(end), "DATE_FORMAT"))
        return marked(end, _("in %(span)s") % {"span": timeuntil(end, current, depth=1)})

    def list_url(self, name: str, value: str) -> str:
        """Return the URL of the list of the sessions with a reference."""
        url = self._reverse(f"{self.opts.app_label}_{self.opts.model_name}_changelist")
        return f"{url}?{urlencode({'q': f'{name}:{value}'})}"

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """Add the page that ends all sessions. In an outage every page answers 503."""
        view = self.admin_site.admin_view(self.end_all_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_end_all"
        urls = [path("end-all/", view, name=name), *super().get_urls()]
        decorator = answer_503(page_503("admin/django_multisession/session/outage.html"))
        for url in urls:
            url.callback = decorator(url.callback)
        return urls

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_end_all = self.has_perm(request, "end_all_sessions")
        context = {"title": _("Sessions"), "may_end_all": may_end_all, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a session; its data only with the permission ``view_session_data``.

        A POST request with REVEAL shows hidden values too, and is recorded in the admin log.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._redirect_ended(request)
        user_url = self.list_url("user", row.info.user_id or "")
        context = {"title": str(row), "row": row, "facts": self._facts(row), "user_url": user_url}
        context["may_end"] = self.has_delete_permission(request)
        return self._render(request, "detail.html", {**context, **self._data(request, row)})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a confirmation, then end the session."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._redirect_ended(request)
        return self.delete_selected(request, [row]) or self._redirect(LIST)

    def end_all_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a phrase to be typed, then end all sessions."""
        if not self.has_perm(request, "end_all_sessions"):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = Confirmation(data, phrase=_("end all sessions"))
        if not form.is_valid():
            button = _("End all sessions")
            context = {"title": _("End all sessions?"), "button": button, "form": form}
            return self._render(request, "end_all.html", context)
        self._report_ended(request, actions.end_all(request, form.cleaned_data["reason"]))
        return self._redirect("index")

    # Actions. Like all of Django's, they return a page, or None to show the list again.

    @admin.action(permissions=["delete"], description=gettext_lazy("End selected sessions"))
    def delete_selected(
        self, request: HttpRequest, queryset: Iterable[SessionRow]
    ) -> HttpResponse | None:
        rows = [*queryset]
        context = {"title": _("End these sessions?"), "button": _("End sessions")}
        context["action"] = "delete_selected"
        is_own = any(row.is_current for row in rows)
        return self._confirm(request, rows, actions.end, context, is_own)

    @admin.action(permissions=["delete"], description=gettext_lazy("Log out everywhere"))
    def log_out_everywhere(
        self, request: HttpRequest, queryset: Iterable[SessionRow]
    ) -> HttpResponse | None:
        """End all sessions of the users that the selected sessions belong to."""
        selected = [*queryset]
        rows = [*{row.info.user_id: row for row in selected if row.info.user_id}.values()]
        if selected and not rows:
            message = _("Nobody is signed in to the selected sessions.")
            self.message_user(request, message, messages.WARNING)
            return None
        context = {"title": _("Log these users out everywhere?"), "action": "log_out_everywhere"}
        context["button"] = _("Log out everywhere")
        is_own = any(row.info.user_id == owners.user_pk(request.user) for row in rows)
        return self._confirm(request, rows, actions.log_out_everywhere, context, is_own)

    def _confirm(
        self,
        request: HttpRequest,
        rows: Sequence[SessionRow],
        end: Callable[[HttpRequest, Sequence[SessionRow], str], int],
        context: Mapping[str, Any],
        is_own: bool,
    ) -> HttpResponse | None:
        """Return the page that asks for a confirmation. Once confirmed, end and return None."""
        form = Confirmation(request.POST if CONFIRMED in request.POST else None, asks_own=is_own)
        if rows and not form.is_valid():
            context = {"form": form, "rows": rows, "checkbox": ACTION_CHECKBOX_NAME, **context}
            return self._render(request, "end.html", context)
        number = end(request, rows, form.cleaned_data["reason"]) if rows else 0
        self._report_ended(request, number)
        return None

    # Parts of pages

    def _facts(self, row: SessionRow) -> list[tuple[str, Any]]:
        """Return labels and values. What is not known is left out."""
        names = ["owner", "device", "ip_address", "session_label", "further_references"]
        names += ["created", "last_seen", "expires"]
        columns = [(getattr(type(self), name), getattr(self, name)) for name in names]
        facts = [(column.short_description, value_of(row)) for column, value_of in columns]
        texts = [(_("user agent"), row.info.user_agent), (_("handle"), row.info.handle)]
        facts += [(label, left_to_right(text)) for label, text in texts if text]
        return [(label, value) for label, value in facts if value]

    def _data(self, request: HttpRequest, row: SessionRow) -> dict[str, Any]:
        """Return the context of the session data. One more round trip, if the user may see it."""
        if not self.has_perm(request, "view_session_data"):
            return {}
        reveal = request.method == "POST" and REVEAL in request.POST
        if reveal:
            actions.log_reveal(request, row)
        nodes = build_tree(row.info.data(), reveal=reveal)
        return {"may_see_data": True, "nodes": nodes, "is_hidden": has_hidden(nodes)}

    def _render(
        self, request: HttpRequest, template: str, context: Mapping[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        common = {"opts": self.opts, "media": self.media, "has_view_permission": True}
        breadcrumb = {"original": context["title"]}
        context = {**self.admin_site.each_context(request), **common, **breadcrumb, **context}
        name = f"admin/django_multisession/session/{template}"
        return TemplateResponse(request, name, context)

    def _redirect_ended(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, _("This session has ended."), messages.WARNING)
        return self._redirect(LIST)

    def _report_ended(self, request: HttpRequest, number: int) -> None:
        if not number:
            message = _("The sessions had already ended.")
            self.message_user(request, message, messages.WARNING)
            return
        message = ngettext("%(number)d session ended.", "%(number)d sessions ended.", number)
        self.message_user(request, message % {"number": number}, messages.SUCCESS)

    def _redirect(self, name: str) -> HttpResponse:
        return HttpResponseRedirect(self._reverse(name))

    def _reverse(self, name: str) -> str:
        return reverse(f"admin:{name}", current_app=self.admin_site.name)


def left_to_right(text: str) -> SafeString:
    """Return the text as HTML that is read from the left in every language."""
    return format_html('<bdi dir="ltr">{}</bdi>', text)
