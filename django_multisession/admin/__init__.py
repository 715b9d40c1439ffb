"""The session browser in Django's admin, on every engine.

Registered with the default site. With another one: ``site.register(Session, SessionAdmin)``.
"""

from django.contrib import admin

from ..models import Session
from .session_admin import SessionAdmin

__all__ = ["SessionAdmin"]

admin.site.register(Session, SessionAdmin)
