"""SESSION_ENGINE = "django_multisession.backends.django_cached_db": back to Django's own."""

from django.contrib.sessions.backends import cached_db

from ..transfer.rollback import RollbackMixin


class SessionStore(RollbackMixin, cached_db.SessionStore):
    pass
