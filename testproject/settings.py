"""One settings module for people and for tests.

Environment variables: SESSION_BACKEND chooses the engine, db (default), redis, dynamodb or memory;
django is Django's own for databases, and django_db takes sessions back there. SESSION_MIGRATE_FROM
says which ones they were kept in before: django,redis for example. MULTISESSION_REDIS_URL says
where Redis is, by default redis://127.0.0.1:6379/0; on a cluster only this one differs:
redis+cluster://host:port,host:port. DYNAMODB_URL says where a server is that speaks like DynamoDB,
by default http://127.0.0.1:5000, moto's port; where it is empty, boto3 finds AWS as it always does;
MULTISESSION_DYNAMODB_TABLE names the table, by default sessions. SQLITE is the path of the
database, by default db.sqlite3 next to this file; DEBUG=0 and USE_TZ=0 turn these off.
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
before = [name for name in os.environ.get("SESSION_MIGRATE_FROM", "").split(",") if name]
backends = [backend, *before]
SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM = (
    ENGINES.get(name, f"django_multisession.backends.{name}") for name in backends
)
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
OURS = "django_multisession.middleware.BearerSessionMiddleware"
if "redis" in backends:
    MULTISESSION_REDIS_URL = os.environ.get("MULTISESSION_REDIS_URL", "redis://127.0.0.1:6379/0")
if "dynamodb" in backends:
    MULTISESSION_DYNAMODB_TABLE = os.environ.get("MULTISESSION_DYNAMODB_TABLE", "sessions")
if "dynamodb" in backends and (url := os.environ.get("DYNAMODB_URL", "http://127.0.0.1:5000")):
    MULTISESSION_DYNAMODB_OPTIONS = {
        "config": {"read_timeout": 30},  # moto takes its time over a thousand sessions
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
    INSTALLED_APPS.append("django.contrib.sessions")  # has the table
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    DJANGOS if backend.startswith("django") else OURS,
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
                "demo.engine.facts",
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
