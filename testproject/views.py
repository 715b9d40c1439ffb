"""Pages that show the session of the request. They show its handle, but never its key.

The other sessions of the user are on the pages of django_multisession itself.
"""

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

from demo.engine import is_multisession
from demo.times import ago, ahead
from demo.users import MARK, NAMES, PASSWORD

CREDENTIALS = {"names": NAMES, "password": PASSWORD}
RESERVED = {"visits", MARK}  # fields that the demo itself sets
HIDDEN = {"_auth_user_hash", "_csrftoken"}  # fields whose values are not shown


class FieldForm(forms.Form):
    """The form that adds a field to the session. Names with a leading underscore are Django's."""

    name = forms.RegexField(
        r"\A[A-Za-z][A-Za-z0-9_-]*\Z",
        max_length=40,
        error_messages={"invalid": "Start with a letter; then use letters, digits, - and _."},
    )
    value = forms.CharField(max_length=200)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name in RESERVED:
            raise forms.ValidationError("The demo uses this name itself.")
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
    """Django's view. The package ends the other sessions without any code here."""

    template_name = "password.html"
    success_url = reverse_lazy("home")
    success_message = "Password changed. You are signed out on all other devices."


@never_cache
@require_safe
def api_session(request: HttpRequest) -> JsonResponse:
    """Return the user and the field names of the session. Does not count as a visit."""
    session = request.session
    data = {"user": request.user.get_username() or None, "fields": sorted(session.keys())}
    # The session is loaded by now. Before, the handle belongs to any key that the cookie offers.
    facts = (
        {"handle": session.handle, "references": dict(session.references)}
        if is_multisession()
        else {}
    )
    return JsonResponse({**data, **facts})


@never_cache
@require_safe
async def api_visits(request: HttpRequest) -> JsonResponse:
    """Count a visit as the home page does, in an async view."""
    visits = await request.session.aget("visits", 0) + 1
    await request.session.aset("visits", visits)
    user = await request.auser()
    return JsonResponse({"visits": visits, "user": user.get_username() or None})


def _page(request: HttpRequest, form: FieldForm) -> HttpResponse:
    # The template does not get the session itself: there, `session.handle` would be the session
    # field named "handle" if a visitor has added one.
    context = {
        "visits": request.session.get("visits", 0),
        "fields": sorted(_fields(request.session), key=lambda field: field["is_private"]),
        "form": form,
        **(_facts(request) if is_multisession() else {}),
        **CREDENTIALS,
    }
    return render(request, "home.html", context)


def _facts(request: HttpRequest) -> dict[str, Any]:
    """Return the stored facts of the session. They are None if the session is new."""
    session: Any = request.session
    return {
        "handle": session.handle,
        "references": dict(session.references),
        "created": _time(session.created_at, ago),
        "last_seen": _time(session.last_seen_at, ago),
        "expires": _time(session.expires_at, ahead),
    }


def _fields(session: Any) -> Iterator[dict[str, Any]]:
    for name, value in session.items():
        text = None if name in HIDDEN else json.dumps(value, ensure_ascii=False, default=repr)
        yield {"name": name, "value": text, "is_private": name.startswith("_")}


def _time(at: datetime | None, words: Callable[[datetime], str]) -> dict[str, Any] | None:
    """Convert a time to TIME_ZONE, which templates do not do with USE_TZ = False."""
    return {"at": timezone.localtime(at), "words": words(at)} if at else None
