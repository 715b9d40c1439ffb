"""SESSION_ENGINE = "django_multisession.backends.django_cache": back to Django's own."""

from django.contrib.sessions.backends import cache

from ..sources.returning import Returning


class SessionStore(Returning, cache.SessionStore):
    pass
