"""Ending sessions from the admin: the confirmation form, and the entries in the admin log."""

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

REASON = "ended_by_admin"  # the ``reason`` that session_ended sends
REPR_LENGTH = 200  # characters of LogEntry.object_repr


class Confirmation(forms.Form):
    """The form that an administrator confirms before sessions are ended."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Optional. Added to the entry in the admin log."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, data: Any = None, *, asks_own: bool = False, phrase: str = "") -> None:
        """Add the fields that depend on what will be ended.

        ``asks_own``: the administrator's own session is among them, which needs a tick.
        ``phrase``: a text that has to be typed, in upper or lower case.
        """
        super().__init__(data)
        self.phrase = phrase
        if asks_own:
            label = _("I understand that this also logs me out")
            self.fields["own"] = forms.BooleanField(label=label)
        if phrase:
            label = _("Type “%(phrase)s” to confirm") % {"phrase": phrase}
            widget = forms.TextInput(attrs={"autocomplete": "off"})
            self.fields["phrase"] = forms.CharField(label=label, widget=widget)

    def clean_phrase(self) -> str:
        typed = " ".join(self.cleaned_data["phrase"].split())
        if typed.casefold() != self.phrase.casefold():
            error = _("That doesn't match. Type the phrase exactly as shown.")
            raise forms.ValidationError(error)
        return typed


def end(request: HttpRequest, rows: Iterable[SessionRow], reason: str) -> int:
    """End these sessions and return how many had not ended before. One by one.

    The session of this request is ended by logging out.
    """
    ended = [row for row in rows if row.is_current or sessions.end(row.pk, reason=REASON)]
    _log(request, ended, DELETION, _("Ended."), reason)
    if any(row.is_current for row in ended):
        logout(request)
    return len(ended)


def log_out_everywhere(request: HttpRequest, rows: Sequence[SessionRow], reason: str) -> int:
    """Log the users of these sessions out everywhere and return how many sessions ended.

    The session of this request is ended by logging out.
    """
    session: Any = request.session
    own, total = session.references.get("user"), 0
    users = {row.info.user_id: row for row in rows if row.info.user_id is not None}
    for user_id, row in users.items():
        keep = session if user_id == own else None
        ended = sessions.end_matching("user", user_id, keep=keep, reason=REASON)
        ended += keep is not None  # logout() below ends it
        message = ngettext(
            "Logged out everywhere: %(number)d session.",
            "Logged out everywhere: %(number)d sessions.",
            ended,
        )
        _log(request, [row.user or row], CHANGE, message % {"number": ended}, reason)
        total += ended
    if own in users:
        logout(request)
    return total


def end_all(request: HttpRequest, reason: str) -> int:
    """End all sessions of all users and visitors, and return how many there were."""
    number = sessions.clear()
    message = ngettext("Ended %(number)d session.", "Ended %(number)d sessions.", number)
    _log(request, [None], DELETION, message % {"number": number}, reason)
    logout(request)
    return number


def log_reveal(request: HttpRequest, row: SessionRow) -> None:
    """Record in the admin log that the administrator viewed the hidden values of a session."""
    _log(request, [row], CHANGE, _("Viewed hidden values."))


def _log(
    request: HttpRequest, objects: Iterable[Any], flag: int, message: str, reason: str = ""
) -> None:
    """Add an entry to the admin log for each session or user; None stands for all sessions."""
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=request.user.pk,  # type: ignore[misc]  # the admin lets only users in
            content_type=ContentType.objects.get_for_model(obj or Session),
            object_id=obj and str(obj.pk),
            object_repr=str(obj or _("All sessions"))[:REPR_LENGTH],
            action_flag=flag,
            change_message=f"{message} {reason}".strip(),
        )
        for obj in objects
    )
