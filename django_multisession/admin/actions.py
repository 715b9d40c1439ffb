"""Ending sessions from the admin: asked for twice, and noted in its log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth import logout
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import sessions
from ..models import Session
from .rows import SessionRow

REASON = "ended_by_admin"  # what session_ended tells
REPR_LENGTH = 200  # of a log entry


class Confirmation(forms.Form):
    """What is asked before sessions are ended."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("For the log of the admin."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, data: Any = None, *, asks_own: bool = False, phrase: str = "") -> None:
        """``asks_own``: is it about the session it is asked in? ``phrase``: has to be typed."""
        super().__init__(data)
        self.phrase = phrase
        if asks_own:
            label = _("I know that this logs me out, too")
            self.fields["own"] = forms.BooleanField(label=label)
        if phrase:
            label = _("Type “%(phrase)s”") % {"phrase": phrase}
            widget = forms.TextInput(attrs={"autocomplete": "off"})
            self.fields["phrase"] = forms.CharField(label=label, widget=widget)

    def clean_phrase(self) -> str:
        typed = " ".join(self.cleaned_data["phrase"].split())
        if typed.casefold() != self.phrase.casefold():
            raise forms.ValidationError(_("This is not what is to be typed."))
        return typed


def end(request: HttpRequest, rows: Iterable[SessionRow], reason: str) -> int:
    """One by one; how many there were. One's own is ended by logging out."""
    ended = [row for row in rows if row.is_current or sessions.end(row.pk, reason=REASON)]
    _note(request, ended, DELETION, _("Ended."), reason)
    if any(row.is_current for row in ended):
        logout(request)
    return len(ended)


def log_out_everywhere(request: HttpRequest, rows: Sequence[SessionRow], reason: str) -> int:
    """The users of these sessions; how many sessions they had."""
    session: Any = request.session
    own, number = session.references.get("user"), 0
    users = {row.info.user_id: row for row in rows if row.info.user_id is not None}
    for key, row in users.items():
        keep = session if key == own else None  # ended by logging out
        ended = sessions.end_matching("user", key, keep=keep, reason=REASON) + (keep is not None)
        told = ngettext(
            "Logged out everywhere: %(number)d session.",
            "Logged out everywhere: %(number)d sessions.",
            ended,
        )
        _note(request, [row.user or row], CHANGE, told % {"number": ended}, reason)
        number += ended
    if own in users:
        logout(request)
    return number


def end_all(request: HttpRequest, reason: str) -> int:
    """How many there were, of everybody."""
    number = sessions.clear()
    told = ngettext("Ended %(number)d session.", "Ended %(number)d sessions.", number)
    _note(request, [None], DELETION, told % {"number": number}, reason)
    logout(request)
    return number


def note_reveal(request: HttpRequest, row: SessionRow) -> None:
    """Somebody looked at what is hidden."""
    _note(request, [row], CHANGE, _("Looked at hidden values."))


def _note(
    request: HttpRequest, whats: Iterable[Any], flag: int, message: str, reason: str = ""
) -> None:
    """In the log of the admin, of each of them: a session, a user, or None for all sessions."""
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=request.user.pk,  # type: ignore[misc]  # nobody else gets here
            content_type=ContentType.objects.get_for_model(what or Session),
            object_id=what and str(what.pk),
            object_repr=str(what or _("All sessions"))[:REPR_LENGTH],
            action_flag=flag,
            change_message=f"{message} {reason}".strip(),
        )
        for what in whats
    )
