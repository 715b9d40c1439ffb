"""The demo's settings, but that a login takes a millisecond, not a second, and that browsers choose
the language."""

from settings import *  # noqa: F403
from settings import MIDDLEWARE

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [*MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
