"""SESSION_ENGINE = "django_multisession.backends.django_cache": back to Django's own."""

from django.contrib.sessions.backends import cache

from ..transfer.rollback import RollbackMixin


class SessionStore(RollbackMixin, cache.SessionStore):
    pass
