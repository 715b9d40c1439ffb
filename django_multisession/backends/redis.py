"""SESSION_ENGINE = "django_multisession.backends.redis": Redis or Valkey, alone or many."""

from .. import conf, session
from ..storage.redis import RedisStorage
from ..transfer.on_demand import ConfiguredEngines


class SessionStore(session.SessionStore):
    storage = RedisStorage(**conf.redis())
    policy = staticmethod(conf.policy)
    previous_engines = ConfiguredEngines()
