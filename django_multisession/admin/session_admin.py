"""The pages: the list, a session, and those that ask before anything is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse as Page
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import conf, sessions
from ..sessions import owners
from ..web.outages import answer_503, page_503
from . import actions
from .actions import Confirmation
from .changelist import SessionList
from .columns import Columns, latin
from .data_tree import hides_any, tree_of
from .filters import End, Owner, SignedIn
from .rows import SessionRow, rows_of

Answer = HttpResponse | None
LIST = "django_multisession_session_changelist"
CONFIRMED, REVEAL = "post", "reveal"  # what forms send; the first one as Django's own do


class SessionAdmin(Columns):
    """Sessions can be looked at and ended; there is nothing to add or to change."""

    list_filter = (SignedIn, Owner, End)
    search_fields = ("handle",)  # shows the box; what it finds: search.py
    search_help_text = gettext_lazy(
        "Name, e-mail address or key of a user; an address or a network (192.0.2.0/24); a handle; "
        "or a reference (user:42)."
    )
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    actions = ("delete_selected", "log_out_everywhere")

    class Media:
        css = {"all": ["django_multisession/admin.css"]}

    # What is there

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        further = ["belongs"] if conf.references().keys() - {"user"} else []
        return ["device", "whose", "address", "labelled", *further, "created", "seen", "ends"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SessionList]:
        return SessionList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """A row, not a model's object. None: there is no session of this handle."""
        info = sessions.get(object_id)
        return rows_of([info], request)[0] if info else None

    # Who may do what

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may(self, request: HttpRequest, permission: str) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{permission}")

    # Pages

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.end_all_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_end_all"
        urls = [path("end-all/", view, name=name), *super().get_urls()]
        told = answer_503(page_503("admin/django_multisession/session/outage.html"))
        for url in urls:
            url.callback = told(url.callback)
        return urls

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_end_all = self.may(request, "end_all_sessions")
        context = {"title": _("Sessions"), "may_end_all": may_end_all, **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A session. Its data are shown to whom may see them, what is secret when asked for."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._gone(request)
        user_url = self.url_of("user", row.info.user_id or "")
        facts = {"title": str(row), "row": row, "facts": self._facts(row), "user_url": user_url}
        facts["may_end"] = self.has_delete_permission(request)
        return self._page(request, "detail.html", {**facts, **self._data(request, row)})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        answer = self.delete_selected(request, [row]) if row else self._gone(request)
        return answer or self._to(LIST)

    def end_all_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may(request, "end_all_sessions"):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = Confirmation(data, phrase=_("end all sessions"))
        if not form.is_valid():
            button = _("End all sessions")
            context = {"title": _("End all sessions?"), "button": button, "form": form}
            return self._page(request, "end_all.html", context)
        self._tell(request, actions.end_all(request, form.cleaned_data["reason"]))
        return self._to("index")

    # Actions

    @admin.action(permissions=["delete"], description=gettext_lazy("End selected sessions"))
    def delete_selected(self, request: HttpRequest, queryset: Iterable[SessionRow]) -> Answer:
        rows = [*queryset]
        context = {"title": _("End these sessions?"), "button": _("End sessions")}
        context["action"] = "delete_selected"
        is_own = any(row.is_current for row in rows)
        return self._confirmed(request, rows, actions.end, context, is_own)

    @admin.action(permissions=["delete"], description=gettext_lazy("Log out everywhere"))
    def log_out_everywhere(self, request: HttpRequest, queryset: Iterable[SessionRow]) -> Answer:
        """All sessions of the users of those that are selected."""
        selected = [*queryset]
        rows = [*{row.info.user_id: row for row in selected if row.info.user_id}.values()]
        if selected and not rows:
            self.message_user(request, _("These sessions are nobody's."), messages.WARNING)
            return None
        context = {"title": _("Log these users out everywhere?"), "action": "log_out_everywhere"}
        context["button"] = _("Log out everywhere")
        is_own = any(row.info.user_id == owners.user_pk(request.user) for row in rows)
        return self._confirmed(request, rows, actions.log_out_everywhere, context, is_own)

    def _confirmed(
        self,
        request: HttpRequest,
        rows: Sequence[SessionRow],
        end: Callable[[HttpRequest, Sequence[SessionRow], str], int],
        context: Mapping[str, Any],
        is_own: bool,
    ) -> Answer:
        """The page that asks, or None once it is done."""
        form = Confirmation(request.POST if CONFIRMED in request.POST else None, asks_own=is_own)
        if rows and not form.is_valid():
            context = {"form": form, "rows": rows, "checkbox": ACTION_CHECKBOX_NAME, **context}
            return self._page(request, "end.html", context)
        self._tell(request, end(request, rows, form.cleaned_data["reason"]) if rows else 0)
        return None

    # Parts

    def _facts(self, row: SessionRow) -> list[tuple[str, Any]]:
        info = row.info
        columns = ("whose", "device", "address", "labelled", "belongs", "created", "seen", "ends")
        facts = [(getattr(type(self), name).short_description, name) for name in columns]
        told = [(label, getattr(self, name)(row)) for label, name in facts]
        more = [(_("user agent"), info.user_agent), (_("handle"), info.handle)]
        told += [(label, latin(text)) for label, text in more if text]
        return [(label, value) for label, value in told if value]

    def _data(self, request: HttpRequest, row: SessionRow) -> dict[str, Any]:
        if not self.may(request, "view_session_data"):
            return {}
        reveal = request.method == "POST" and REVEAL in request.POST
        if reveal:
            actions.note_reveal(request, row)
        nodes = tree_of(row.info.data(), reveal=reveal)
        return {"may_see_data": True, "nodes": nodes, "is_hidden": hides_any(nodes)}

    def _page(self, request: HttpRequest, template: str, context: Mapping[str, Any]) -> Page:
        request.current_app = self.admin_site.name
        common = {"opts": self.opts, "media": self.media, "has_view_permission": True}
        crumb = {"original": context["title"]}
        context = {**self.admin_site.each_context(request), **common, **crumb, **context}
        return Page(request, f"admin/django_multisession/session/{template}", context)

    def _gone(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, _("This session has ended."), messages.WARNING)
        return self._to(LIST)

    def _tell(self, request: HttpRequest, number: int) -> None:
        if not number:
            self.message_user(request, _("They have ended already."), messages.WARNING)
            return
        told = ngettext("%(number)d session ended.", "%(number)d sessions ended.", number)
        self.message_user(request, told % {"number": number}, messages.SUCCESS)

    def _to(self, name: str) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{name}", current_app=self.admin_site.name))
