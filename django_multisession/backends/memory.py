"""SESSION_ENGINE = "django_multisession.backends.memory": this process only. For tests."""

from .. import session
from ..storage.memory import MemoryStorage


class SessionStore(session.SessionStore):
    storage = MemoryStorage()
