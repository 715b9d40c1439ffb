"""Forms: a login form that says why a login is refused, and those of the pages of devices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from .auth import TooManySessions, check_limit, reauthentication
from .core.record import LABEL_LENGTH, checked_label


class AuthenticationForm(auth_forms.AuthenticationForm):
    """Django's, for ``LoginView.as_view(authentication_form=...)``, where
    MULTISESSION_ON_SESSION_LIMIT is "refuse": without it the refusal is a plain 403."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        session = getattr(self.request, "session", None)
        try:
            check_limit(user, keep=getattr(session, "handle", None))
        except TooManySessions as error:
            raise ValidationError(str(error), code="too_many_sessions") from error


class LabelForm(forms.Form):
    """What to call a device."""

    label = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=LABEL_LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )

    def clean_label(self) -> str:
        try:
            return checked_label(self.cleaned_data["label"])
        except ValueError as error:
            text = _("This name holds a character that cannot be stored.")
            raise ValidationError(text) from error


class ConfirmForm(forms.Form):
    """Asks for the password, unless that was asked lately."""

    def __init__(self, data: Any = None, *, request: HttpRequest, asks: bool = True, **kw: Any):
        """``asks``: is it about what needs a recent authentication at all?"""
        super().__init__(data, **kw)
        self.request = request
        user: Any = request.user
        is_stale = asks and not reauthentication.is_recent(request.session)  # type: ignore[arg-type]
        # Who has no password here, but signs in elsewhere, has to do that again.
        self.needs_login = is_stale and not user.has_usable_password()
        if is_stale and not self.needs_login:
            attributes = {"autocomplete": "current-password", "autofocus": True}
            self.fields["password"] = forms.CharField(
                label=_("Password"),
                help_text=_("It is some time since you signed in: confirm that it is you."),
                strip=False,
                widget=forms.PasswordInput(attrs=attributes),
            )

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not reauthentication.confirm_password(self.request, password):
            raise ValidationError(_("This is not your password."), code="wrong_password")
        return password

    def clean(self) -> None:
        if self.needs_login:
            raise ValidationError(_("Sign in again first."), code="needs_login")
