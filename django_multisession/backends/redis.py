"""SESSION_ENGINE = "django_multisession.backends.redis": Redis or Valkey, alone or many."""

from .. import conf, session
from ..storage.redis import RedisStorage


class SessionStore(session.SessionStore):
    storage = RedisStorage(**conf.redis())
