"""Pages that show the session they are asked with. Handles they show, keys never. The user's other
sessions are on the pages of django_multisession itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.views import PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from demo.engine import is_ours
from demo.people import MARK, NAMES, PASSWORD
from demo.times import ago, ahead

CREDENTIALS = {"names": NAMES, "password": PASSWORD}
TAKEN = {"visits", MARK}
HIDDEN = {"_auth_user_hash", "_csrftoken"}  # names of fields: nothing for people who look on


class FieldForm(forms.Form):
    """A field of the session. Names with an underscore in front are Django's own."""

    name = forms.RegexField(
        r"\A[A-Za-z][A-Za-z0-9_-]*\Z",
        max_length=40,
        error_messages={"invalid": "A letter first, then letters, digits, - and _."},
    )
    value = forms.CharField(max_length=200)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in TAKEN:
            raise forms.ValidationError("This one is taken.")
        return name


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return _page(request, FieldForm())


@require_POST
def remember(request: HttpRequest) -> HttpResponse:
    form = FieldForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    request.session[form.cleaned_data["name"]] = form.cleaned_data["value"]
    return redirect("home")


@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    if not name.startswith("_"):
        request.session.pop(name, None)
    return redirect("home")


class PasswordView(SuccessMessageMixin, PasswordChangeView):
    """Django's own. That the other sessions end needs nothing here."""

    template_name = "password.html"
    success_url = reverse_lazy("home")
    success_message = "Password changed. Your other sessions are ended."


@never_cache
@require_safe
def api_session(request: HttpRequest) -> JsonResponse:
    """Whose session it is and what it holds. Looking is no visit: nothing is stored."""
    session = request.session
    answer = {"user": request.user.get_username() or None, "fields": sorted(session.keys())}
    # Read by now: before, the handle is that of whatever key the cookie offered.
    facts = {"handle": session.handle, "references": dict(session.references)} if is_ours() else {}
    return JsonResponse({**answer, **facts})


@never_cache
@require_safe
async def api_visits(request: HttpRequest) -> JsonResponse:
    """Count a visit, like the home page, but awaiting the session."""
    visits = await request.session.aget("visits", 0) + 1
    await request.session.aset("visits", visits)
    user = await request.auser()
    return JsonResponse({"visits": visits, "user": user.get_username() or None})


def _page(request: HttpRequest, form: FieldForm) -> HttpResponse:
    # Facts and fields are handed over one by one: to a template, `session.handle` would be
    # the field of that name, if somebody made the session remember one.
    context = {
        "visits": request.session.get("visits", 0),
        "fields": sorted(_fields(request.session), key=lambda field: field["is_djangos"]),
        "form": form,
        **(_known(request) if is_ours() else {}),
        **CREDENTIALS,
    }
    return render(request, "home.html", context)


def _known(request: HttpRequest) -> dict[str, Any]:
    """As stored: None for a session that this request has just begun."""
    session: Any = request.session
    return {
        "handle": session.handle,
        "references": dict(session.references),
        "created": _moment(session.created_at, ago),
        "last_seen": _moment(session.last_seen_at, ago),
        "expires": _moment(session.expires_at, ahead),
    }


def _fields(session: Any) -> Iterator[dict[str, Any]]:
    for name, value in session.items():
        text = None if name in HIDDEN else json.dumps(value, ensure_ascii=False, default=repr)
        yield {"name": name, "value": text, "is_djangos": name.startswith("_")}


def _moment(at: datetime | None, words: Callable[[datetime], str]) -> dict[str, Any] | None:
    """In TIME_ZONE, which templates would not know of where USE_TZ is off."""
    return {"at": timezone.localtime(at), "words": words(at)} if at else None
