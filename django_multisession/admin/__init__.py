"""The session browser in Django's admin. It works with every session engine.

It is registered with the default admin site. For another site:
``site.register(Session, SessionAdmin)``.
"""

from django.contrib import admin

from ..models import Session
from .session_admin import SessionAdmin

__all__ = ["SessionAdmin"]

admin.site.register(Session, SessionAdmin)
