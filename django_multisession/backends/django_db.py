"""SESSION_ENGINE = "django_multisession.backends.django_db": back to Django's own."""

from django.contrib.sessions.backends import db

from ..sources.returning import Returning


class SessionStore(Returning, db.SessionStore):
    pass
