"""SESSION_ENGINE = "django_multisession.backends.db": the SQL database."""

from .. import conf, session
from ..storage.db import DatabaseStorage


class SessionStore(session.SessionStore):
    storage = DatabaseStorage(database=conf.database())
