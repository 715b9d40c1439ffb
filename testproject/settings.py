"""The settings of the demo project, which the tests use, too.

Environment variables:

- SESSION_BACKEND: the session engine: db (the default), redis, dynamodb or memory of this package;
  django for Django's database engine; django_db to go back to Django's database engine.
- SESSION_MIGRATE_FROM: the previous engines, for example django,redis.
- MULTISESSION_REDIS_URL: by default redis://127.0.0.1:6379/0. The URL of a cluster is
  redis+cluster://host:port,host:port.
- DYNAMODB_URL: the URL of a DynamoDB-compatible server, by default http://127.0.0.1:5000, which is
  the port of moto. If it is empty, boto3 connects to AWS with its default configuration.
- MULTISESSION_DYNAMODB_TABLE: the name of the table, by default sessions.
- SQLITE: the path of the database, by default db.sqlite3 next to this file.
- DEBUG=0 and USE_TZ=0 switch these settings off.
"""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent

SECRET_KEY = "not-a-secret-this-project-is-for-demonstration-and-tests"
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
USE_TZ = os.environ.get("USE_TZ", "1") == "1"
TIME_ZONE = "Europe/Berlin"
STATIC_URL = "static/"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "home"

ENGINES = {"django": "django.contrib.sessions.backends.db"}
backend = os.environ.get("SESSION_BACKEND", "db")
previous = [name for name in os.environ.get("SESSION_MIGRATE_FROM", "").split(",") if name]
backends = [backend, *previous]
SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM = (
    ENGINES.get(name, f"django_multisession.backends.{name}") for name in backends
)
DJANGO_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
OUR_MIDDLEWARE = "django_multisession.middleware.BearerSessionMiddleware"
if "redis" in backends:
    MULTISESSION_REDIS_URL = os.environ.get("MULTISESSION_REDIS_URL", "redis://127.0.0.1:6379/0")
if "dynamodb" in backends:
    MULTISESSION_DYNAMODB_TABLE = os.environ.get("MULTISESSION_DYNAMODB_TABLE", "sessions")
if "dynamodb" in backends and (url := os.environ.get("DYNAMODB_URL", "http://127.0.0.1:5000")):
    MULTISESSION_DYNAMODB_OPTIONS = {
        "config": {"read_timeout": 30},  # moto is slow with a thousand sessions
        "endpoint_url": url,
        "region_name": "eu-central-1",
        "aws_access_key_id": "anybody",
        "aws_secret_access_key": "anything",
    }
SESSION_COOKIE_AGE = 14 * 24 * 60 * 60

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_multisession",
    "demo",
]
if {"django", "django_db"} & {*backends}:
    INSTALLED_APPS.append("django.contrib.sessions")  # creates the table
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    DJANGO_MIDDLEWARE if backend.startswith("django") else OUR_MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "demo.engine.template_context",
            ],
        },
    },
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SQLITE", HERE / "db.sqlite3"),
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    },
}
