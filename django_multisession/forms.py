"""Forms: a login form that explains a refused login, and the forms of the device pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import forms as auth_forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from .auth import TooManySessions, reauthentication
from .auth.limits import check_limit
from .core.record import LABEL_LENGTH, checked_label


class AuthenticationForm(auth_forms.AuthenticationForm):
    """Django's login form, which also shows why a login beyond the session limit is refused.

    For ``LoginView.as_view(authentication_form=...)`` in a project whose
    MULTISESSION_ON_SESSION_LIMIT is "refuse". With Django's own form the response is a plain 403.
    """

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        session = getattr(self.request, "session", None)
        try:
            check_limit(user, keep=getattr(session, "handle", None))
        except TooManySessions as error:
            raise ValidationError(str(error), code="too_many_sessions") from error


class LabelForm(forms.Form):
    """The form for the name of a device."""

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
            text = _("This name contains a character that cannot be stored.")
            raise ValidationError(text) from error


class ConfirmForm(forms.Form):
    """A confirmation that asks for the password unless the user authenticated recently."""

    def __init__(self, data: Any = None, *, request: HttpRequest, confirms: bool = True, **kw: Any):
        """Add a password field if ``confirms`` is true and the last authentication is too old."""
        super().__init__(data, **kw)
        self.request = request
        user: Any = request.user
        is_stale = confirms and not reauthentication.is_recent(request.session)  # type: ignore[arg-type]
        # Users of an external login service have no password to type; they log in again.
        self.needs_login = is_stale and not user.has_usable_password()
        if is_stale and not self.needs_login:
            attributes = {"autocomplete": "current-password", "autofocus": True}
            self.fields["password"] = forms.CharField(
                label=_("Password"),
                help_text=_("You signed in a while ago. Enter your password to confirm it is you."),
                strip=False,
                widget=forms.PasswordInput(attrs=attributes),
            )

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not reauthentication.confirm_password(self.request, password):
            raise ValidationError(
                _("That password is not correct. Try again."), code="wrong_password"
            )
        return password

    def clean(self) -> None:
        if self.needs_login:
            raise ValidationError(_("Sign in again first."), code="needs_login")
