"""A login form that says why a login is refused."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import forms
from django.core.exceptions import ValidationError

from .auth import TooManySessions, check_limit


class AuthenticationForm(forms.AuthenticationForm):
    """Django's, for ``LoginView.as_view(authentication_form=...)``, where
    MULTISESSION_BEYOND_LIMIT is "refuse": without it the refusal is a plain 403."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        session = getattr(self.request, "session", None)
        try:
            check_limit(user, keep=getattr(session, "handle", None))
        except TooManySessions as error:
            raise ValidationError(str(error), code="too_many_sessions") from error
