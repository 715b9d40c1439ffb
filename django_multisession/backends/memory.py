"""SESSION_ENGINE = "django_multisession.backends.memory": this process only. For tests."""

from .. import conf, session
from ..storage.memory import MemoryStorage
from ..transfer.on_demand import ConfiguredEngines


class SessionStore(session.SessionStore):
    storage = MemoryStorage()
    policy = staticmethod(conf.policy)
    previous_engines = ConfiguredEngines()
