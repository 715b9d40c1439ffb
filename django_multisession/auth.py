"""What logging in means for a session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from .session import SessionStore


@receiver(user_logged_in)
def renew_key(request: HttpRequest | None, **kwargs: Any) -> None:
    """A new key on every login (ASVS 5.0 7.2.4). Django keeps the old one for the same user."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore) and session.session_key and not session.key_is_fresh:
        session.cycle_key()
