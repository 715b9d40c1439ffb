"""SESSION_ENGINE = "django_multisession.backends.django_cached_db": back to Django's own."""

from django.contrib.sessions.backends import cached_db

from ..sources.returning import Returning


class SessionStore(Returning, cached_db.SessionStore):
    pass
