"""SESSION_ENGINE = "django_multisession.backends.django_db": back to Django's own."""

from django.contrib.sessions.backends import db

from ..transfer.rollback import RollbackMixin


class SessionStore(RollbackMixin, db.SessionStore):
    pass
