"""The demo's settings, but that a login takes a millisecond, not a second."""

from settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
