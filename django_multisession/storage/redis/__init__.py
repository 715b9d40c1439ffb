"""Sessions in Redis or Valkey: a single server, Sentinel or Cluster."""

from .storage import RedisStorage

__all__ = ["RedisStorage"]
