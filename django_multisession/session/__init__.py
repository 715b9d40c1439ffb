"""The session object that a request holds."""

from ..storage.base import SessionTooLarge
from .policy import Policy
from .previous_engines import PreviousEngines
from .state import SessionGone
from .store import SessionStore

__all__ = ["Policy", "PreviousEngines", "SessionGone", "SessionStore", "SessionTooLarge"]
