"""SESSION_ENGINE = "django_multisession.backends.db": the SQL database."""

from .. import conf, session
from ..storage.db import DatabaseStorage
from ..transfer.on_demand import ConfiguredEngines


class SessionStore(session.SessionStore):
    storage = DatabaseStorage(database=conf.database())
    policy = staticmethod(conf.policy)
    previous_engines = ConfiguredEngines()
