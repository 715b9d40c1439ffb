import ast
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.sessions.backends import file
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from django_multisession import checks, conf, session
from django_multisession.checks import check_deployment, check_settings
from django_multisession.engine import BACKENDS, DJANGO_MIDDLEWARE, OUR_MIDDLEWARE
from django_multisession.middleware import SessionMiddleware

A_FUNCTION = f"{__name__}.a_function"
NO_FUNCTION = f"{__name__}.NO_FUNCTION"
DJANGOS_ENGINE = "django.contrib.sessions.backends.db"
PICKLE = "django.contrib.sessions.serializers.PickleSerializer"

# Settings of a correct project. Each row of the tables replaces some of them.
FINE = {
    "SESSION_ENGINE": f"{BACKENDS}db",
    "SESSION_SERIALIZER": "django.contrib.sessions.serializers.JSONSerializer",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "MIDDLEWARE": [OUR_MIDDLEWARE],
}


LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
DJANGO_REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1"}
REDIS = {"SESSION_ENGINE": f"{BACKENDS}redis"}
BY_ALIAS = REDIS | {"MULTISESSION_REDIS_ALIAS": "other"}
DYNAMODB = {"SESSION_ENGINE": f"{BACKENDS}dynamodb"}
BY_URL = REDIS | {"MULTISESSION_REDIS_URL": "redis://127.0.0.1"}

CACHE_ENGINE = "django.contrib.sessions.backends.cache"
FROM_CACHE = {"MULTISESSION_MIGRATE_FROM": [CACHE_ENGINE]}
FROM_FILES = {"MULTISESSION_MIGRATE_FROM": ["django.contrib.sessions.backends.file"]}

LEVELS = {"E": django_checks.ERROR, "W": django_checks.WARNING}

NO_MIDDLEWARE = {"MIDDLEWARE": []}
DJANGOS_OWN = {"MIDDLEWARE": [DJANGO_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE}


class ProjectsMiddleware(SessionMiddleware):
    """A middleware of a project, derived from the package's."""


def a_function(argument):
    """The callable that settings name by its dotted path."""


# Id, wrong settings, text that the message or its hint must contain
WRONG = [
    ("E001", NO_MIDDLEWARE | {"SESSION_ENGINE": "django_multisession"}, "SESSION_ENGINE"),
    ("E001", NO_MIDDLEWARE | {"SESSION_ENGINE": "django_multisession.db"}, "SESSION_ENGINE"),
    ("E001", {"SESSION_ENGINE": f"{BACKENDS}bd"}, "SESSION_ENGINE"),
    ("E002", {"MULTISESSION_REFERENCES": None}, "MULTISESSION_REFERENCES"),
    ("E002", {"MULTISESSION_REFERENCES": ["user"]}, "MULTISESSION_REFERENCES"),
    ("E002", {"MULTISESSION_REFERENCES": "user"}, "MULTISESSION_REFERENCES"),
    ("E003", {"MULTISESSION_REFERENCES": {"": "a"}}, "MULTISESSION_REFERENCES['']"),
    ("E003", {"MULTISESSION_REFERENCES": {"User": "a"}}, "MULTISESSION_REFERENCES['User']"),
    ("E003", {"MULTISESSION_REFERENCES": {"1st": "a"}}, "MULTISESSION_REFERENCES['1st']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a-b": "a"}}, "MULTISESSION_REFERENCES['a-b']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a\n": "a"}}, r"MULTISESSION_REFERENCES['a\n']"),
    ("E003", {"MULTISESSION_REFERENCES": {"\u00e9": "a"}}, "MULTISESSION_REFERENCES['\u00e9']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a" * 51: "a"}}, "MULTISESSION_REFERENCES['aaa"),
    ("E003", {"MULTISESSION_REFERENCES": {7: "a"}}, "MULTISESSION_REFERENCES[7]"),
    ("E004", {"MULTISESSION_REFERENCES": {"org": None}}, "MULTISESSION_REFERENCES['org']"),
    ("E004", {"MULTISESSION_REFERENCES": {"org": a_function}}, "MULTISESSION_REFERENCES['org']"),
    ("E005", {"MULTISESSION_REFERENCES": {"org": "no.where"}}, "MULTISESSION_REFERENCES['org']"),
    ("E005", {"MULTISESSION_REFERENCES": {"org": NO_FUNCTION}}, "MULTISESSION_REFERENCES['org']"),
    ("E006", {"MULTISESSION_TTL": "no.where"}, "MULTISESSION_TTL"),
    ("E006", {"MULTISESSION_TTL": "3600"}, "MULTISESSION_TTL"),
    ("E006", {"MULTISESSION_TTL": NO_FUNCTION}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": 0}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": True}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": a_function}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": timedelta(0)}, "MULTISESSION_TTL"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": 0}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": "3600"}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": timedelta(-1)}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": 0}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": -60}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": float("nan")}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": "60"}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E010", {"MULTISESSION_DATABASE": "sessions"}, "MULTISESSION_DATABASE"),
    ("E010", {"MULTISESSION_DATABASE": ""}, "MULTISESSION_DATABASE"),
    ("E011", {"MULTISESSION_CLIENT_IP": "no.where"}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": NO_FUNCTION}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": "remote_addr"}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": a_function}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": None}, "MULTISESSION_CLIENT_IP"),
    ("E012", {"MIDDLEWARE": [OUR_MIDDLEWARE, DJANGO_MIDDLEWARE]}, "MIDDLEWARE"),
    ("E012", {"MIDDLEWARE": (DJANGO_MIDDLEWARE, DJANGO_MIDDLEWARE)}, "MIDDLEWARE"),
    ("E012", {"MIDDLEWARE": [OUR_MIDDLEWARE, f"{__name__}.ProjectsMiddleware"]}, "MIDDLEWARE"),
    (
        "E012",
        {"MIDDLEWARE": [OUR_MIDDLEWARE, OUR_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE},
        "MIDDLEWARE",
    ),
    ("E013", {"SESSION_ENGINE": DJANGOS_ENGINE}, "SESSION_ENGINE"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "http://host"}, "MULTISESSION_REDIS_URL"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "redis://:p/w@host"}, "percent-encoded"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_OPTIONS": {"tineout": 1}}, "'tineout'"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": ""}, "MULTISESSION_REDIS_KEY_PREFIX ''"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "my sessions"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "{sessions}"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "s\n"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": None}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E016", {"MULTISESSION_REDIS_ALIAS": None}, "MULTISESSION_REDIS_ALIAS"),
    ("E016", {"MULTISESSION_REDIS_ALIAS": "absent"}, "MULTISESSION_REDIS_ALIAS 'absent'"),
    ("E016", BY_ALIAS | {"CACHES": {"other": LOCMEM}}, "django-redis"),
    ("E016", BY_ALIAS | {"CACHES": {"other": {"BACKEND": "no.where"}}}, "django-redis"),
    ("E017", {"MULTISESSION_REDIS_URL": 6379}, "MULTISESSION_REDIS_URL"),
    ("E018", {"MULTISESSION_REDIS_OPTIONS": None}, "MULTISESSION_REDIS_OPTIONS"),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"tineout": 1}}, "'tineout'"),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"config": {"tineout": 1}}}, "'tineout'"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "my sessions"}, "'my sessions'"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "s2"}, "'s2'"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "sessions\n"}, "MULTISESSION_DYNAMODB_TABLE"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": None}, "MULTISESSION_DYNAMODB_TABLE"),
    ("E022", {"MULTISESSION_DYNAMODB_OPTIONS": "eu-central-1"}, "MULTISESSION_DYNAMODB_OPTIONS"),
    ("E023", {"MULTISESSION_KEEP_EXPIRED": "no"}, "MULTISESSION_KEEP_EXPIRED"),
    (
        "E023",
        {"MULTISESSION_DYNAMODB_CONSISTENT_READ": None},
        "MULTISESSION_DYNAMODB_CONSISTENT_READ",
    ),
    ("E023", {"MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE": 1}, "PASSWORD_CHANGE"),
    ("E024", {"MULTISESSION_SESSIONS_PER_USER": "no.where"}, "MULTISESSION_SESSIONS_PER_USER"),
    (
        "E025",
        {"MULTISESSION_SESSIONS_PER_USER": 0},
        "MULTISESSION_SESSIONS_PER_USER must be 1 or more, not 0",
    ),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": True}, "1 or more, not True"),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": 1.5}, "1 or more, not 1.5"),
    ("E026", {"MULTISESSION_ON_SESSION_LIMIT": "evict"}, "MULTISESSION_ON_SESSION_LIMIT 'evict'"),
    ("E028", {"MULTISESSION_MIGRATE_FROM": CACHE_ENGINE}, "MULTISESSION_MIGRATE_FROM"),
    (
        "E028",
        {"MULTISESSION_MIGRATE_FROM": None},
        "MULTISESSION_MIGRATE_FROM must be a list of engines, not None",
    ),
    ("E028", {"MULTISESSION_MIGRATE_FROM": [CACHE_ENGINE, 7]}, "MULTISESSION_MIGRATE_FROM"),
    ("E029", {"MULTISESSION_MIGRATE_FROM": ["no.where"]}, "'no.where'"),
    ("E029", {"MULTISESSION_MIGRATE_FROM": ["django.contrib.sessions"]}, "SessionStore"),
    ("E029", {"MULTISESSION_MIGRATE_FROM": [DJANGOS_ENGINE]}, "INSTALLED_APPS"),
    ("E029", FROM_CACHE | {"SESSION_CACHE_ALIAS": "absent"}, "absent"),
    ("E029", FROM_FILES | {"SESSION_FILE_PATH": "/no/where"}, "SESSION_FILE_PATH"),
    ("E030", {"MULTISESSION_MIGRATE_FROM": [f"{BACKENDS}db"]}, "SESSION_ENGINE"),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": 0},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be at least one second, not 0",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": "900"},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be at least one second, not '900'",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": True},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be at least one second, not True",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": timedelta(-1)},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT",
    ),
    ("W001", {"MIDDLEWARE": [DJANGO_MIDDLEWARE]}, DJANGO_MIDDLEWARE),
    ("W002", {"MULTISESSION_TLL": 5}, "MULTISESSION_TLL"),
    ("W002", {"MULTISESSION_": 5}, "MULTISESSION_"),
    ("W003", NO_MIDDLEWARE, "MIDDLEWARE"),
    ("W010", {"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE"),
    ("W011", {"SESSION_COOKIE_HTTPONLY": False}, "SESSION_COOKIE_HTTPONLY"),
    ("W012", {"SESSION_SERIALIZER": PICKLE}, "SESSION_SERIALIZER"),
    ("W013", {"SESSION_ENGINE": f"{BACKENDS}memory"}, "memory"),
    ("W014", REDIS | {"CACHES": {"default": DJANGO_REDIS}}, "cache.clear()"),
]

# Id that must not be given, settings that are close to its mistake but correct
RIGHT = [
    ("E001", {"SESSION_ENGINE": f"{BACKENDS}db"}),
    ("E001", {"SESSION_ENGINE": DJANGOS_ENGINE, "MIDDLEWARE": [DJANGO_MIDDLEWARE]}),
    ("E001", {"SESSION_ENGINE": "project.sessions", **NO_MIDDLEWARE}),
    ("E002", {"MULTISESSION_REFERENCES": {}}),
    ("E003", {"MULTISESSION_REFERENCES": {"a": "a", "org_2": "org", "a" * 50: "long"}}),
    ("E004", {"MULTISESSION_REFERENCES": {"user": "_auth_user_id"}}),
    ("E005", {"MULTISESSION_REFERENCES": {"org": A_FUNCTION}}),
    ("E006", {"MULTISESSION_TTL": A_FUNCTION}),
    ("E007", {"MULTISESSION_TTL": 1}),
    ("E007", {"MULTISESSION_TTL": timedelta(seconds=1)}),
    ("E007", {"MULTISESSION_TTL": None}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": 3600.5}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": timedelta(days=1)}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": None}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": 1}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": timedelta(minutes=1)}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": None}),
    ("E010", {"MULTISESSION_DATABASE": "default"}),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "redis+cluster://a,b:7000"}),
    ("E014", BY_URL | {"MULTISESSION_REDIS_OPTIONS": {"socket_timeout": 1}}),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "my-shop:v2.sessions_"}),
    ("E016", {"CACHES": {"default": LOCMEM, "other": LOCMEM}, "MULTISESSION_REDIS_ALIAS": "other"}),
    ("E016", BY_URL | {"CACHES": {"default": LOCMEM}}),
    ("E017", {"MULTISESSION_REDIS_URL": None}),
    ("E018", {"MULTISESSION_REDIS_OPTIONS": {}}),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"config": {"read_timeout": 1}}}),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "My.shop-sessions_2"}),
    ("E022", {"MULTISESSION_DYNAMODB_OPTIONS": {}}),
    ("E023", {"MULTISESSION_KEEP_EXPIRED": True, "MULTISESSION_DYNAMODB_CONSISTENT_READ": False}),
    ("E024", {"MULTISESSION_SESSIONS_PER_USER": A_FUNCTION}),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": 1}),
    ("E026", {"MULTISESSION_ON_SESSION_LIMIT": "refuse"}),
    ("E028", {"MULTISESSION_MIGRATE_FROM": (CACHE_ENGINE,)}),
    ("E029", {"MULTISESSION_MIGRATE_FROM": [CACHE_ENGINE, f"{BACKENDS}memory"]}),
    ("E030", {"MULTISESSION_MIGRATE_FROM": [f"{BACKENDS}memory"]}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": 1.5}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": timedelta(minutes=5)}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": None}),
    ("W014", BY_ALIAS | {"CACHES": {"default": DJANGO_REDIS, "other": DJANGO_REDIS}}),
    ("W014", BY_URL | {"CACHES": {"default": DJANGO_REDIS}}),
    ("E010", {"MULTISESSION_DATABASE": None}),
    ("E011", {"MULTISESSION_CLIENT_IP": A_FUNCTION}),
    ("E012", {"MIDDLEWARE": (OUR_MIDDLEWARE,)}),
    ("E012", {"MIDDLEWARE": [f"{__name__}.ProjectsMiddleware"]}),
    ("E013", {"SESSION_ENGINE": DJANGOS_ENGINE, **NO_MIDDLEWARE}),
    ("W001", {"MIDDLEWARE": [DJANGO_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE}),
    ("W002", dict(conf.DEFAULTS)),
    ("W002", {"MULTISESSIONS": 5, "OTHER_MULTISESSION_TLL": 5}),
    ("W003", {"SESSION_ENGINE": DJANGOS_ENGINE, **NO_MIDDLEWARE}),
    ("W003", {"MIDDLEWARE": ["not.to.be.imported", f"{__name__}.ProjectsMiddleware"]}),
    ("W010", {"SESSION_COOKIE_SECURE": False, **DJANGOS_OWN}),
    ("W011", {"SESSION_COOKIE_HTTPONLY": False, **DJANGOS_OWN}),
    ("W012", {"SESSION_SERIALIZER": "project.serializers.Msgpack"}),
    ("W013", {"SESSION_ENGINE": f"{BACKENDS}db"}),
]


@pytest.fixture
def messages(settings, monkeypatch):
    """``messages(wrong)``: messages of the checks for FINE with these settings replaced."""

    def run(wrong):
        for name in ("redis", "dynamodb"):  # they read their settings only once
            monkeypatch.delitem(sys.modules, f"{BACKENDS}{name}", raising=False)
        monkeypatch.delattr(file.SessionStore, "_storage_path", raising=False)  # the same
        for name, value in (FINE | wrong).items():
            setattr(settings, name, value)
        return check_settings() + check_deployment()

    return run


@pytest.mark.parametrize(("id", "wrong", "look_for"), WRONG)
def test_a_mistake_is_named_with_what_to_do(messages, id, wrong, look_for):
    (message,) = messages(wrong)
    assert message.id == f"multisession.{id}"
    assert message.level == LEVELS[id[0]]
    assert look_for in f"{message.msg} {message.hint}"
    assert message.msg.strip()
    assert message.hint.strip()


@pytest.mark.parametrize(("id", "right"), RIGHT)
def test_what_is_no_mistake(messages, id, right):
    assert messages(right) == []


def test_several_mistakes_are_named_at_once(messages):
    wrong = {
        "MULTISESSION_TTL": -1,
        "MULTISESSION_DATABASE": "absent",
        "MULTISESSION_REFERENCES": {"A": 1, "B": "no.where"},
    }
    found = sorted(message.id[-4:] for message in messages(wrong))
    assert found == ["E003", "E003", "E004", "E005", "E007", "E010"]


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("MULTISESSION_TLL", "Did you mean MULTISESSION_TTL?"),
        ("MULTISESSION_REFERENCE", "Did you mean MULTISESSION_REFERENCES?"),
        ("MULTISESSION_", "Did you mean "),
    ],
)
def test_the_likely_name_of_a_misspelt_setting(messages, misspelt, hint):
    (message,) = messages({misspelt: 1})
    assert message.hint.startswith(hint)


def test_where_django_checks_the_cookie_we_are_silent(messages, monkeypatch):
    unsafe = {"SESSION_COOKIE_SECURE": False, "SESSION_COOKIE_HTTPONLY": False}
    assert len(messages(unsafe)) == 2
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django.contrib.sessions")
    assert messages(unsafe) == []


PARTS = [
    getattr(checks, name) for name in ("settings", "engine", "transfer", "deployment", "server")
]
KINDS = {"error": "E", "importable": "E", "warning": "W"}
OF_SERVERS = {"E019"}  # tested with the storages


def ids_in_the_source():
    """Return the check functions that give each id."""
    found = {}
    for function in [node for part in PARTS for node in ast.parse(source_of(part)).body]:
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in KINDS:
                number = call.args[0]
                if isinstance(number, ast.Constant):
                    id = f"{KINDS[call.func.id]}{number.value:03}"
                    found.setdefault(id, set()).add(function.name)
    return found


def source_of(module):
    return Path(module.__file__).read_text()


def test_every_id_belongs_to_one_check_and_is_tested():
    ids = ids_in_the_source()
    assert {id: names for id, names in ids.items() if len(names) > 1} == {}
    assert ids.keys() - OF_SERVERS == {id for id, *_ in WRONG} == {id for id, _ in RIGHT}


def test_every_check_is_called():
    """A check that is written but not registered would never find anything."""
    written = {name for names in ids_in_the_source().values() for name in names}
    assert written == {check.__name__ for part in PARTS for check in part.CHECKS}


def test_every_setting_has_a_check():
    checked = {name for _, wrong, _ in WRONG for name in wrong}
    assert conf.DEFAULTS.keys() <= checked


def test_nothing_is_wrong_with_the_test_project():
    assert check_settings() == []


def test_django_runs_our_checks(settings):
    call_command("check", tags=["security"])  # the others query databases
    settings.MULTISESSION_TTL = -1
    with pytest.raises(SystemCheckError, match=r"\(multisession\.E007\) MULTISESSION_TTL .+ -1"):
        call_command("check", tags=["security"])


@pytest.mark.parametrize(("deploy", "found"), [(False, False), (True, True)])
def test_the_deployment_checks_run_with_deploy_only(settings, deploy, found):
    settings.SESSION_SERIALIZER = PICKLE
    output = StringIO()
    call_command("check", deploy=deploy, tags=["security"], stderr=output)
    assert ("multisession.W012" in output.getvalue()) is found


@pytest.mark.parametrize("path", [".ttl", "..ttl"])
@pytest.mark.parametrize("name", ["MULTISESSION_TTL", "MULTISESSION_CLIENT_IP"])
def test_a_path_that_begins_with_a_dot_is_named(messages, name, path):
    (message,) = messages({name: path})
    assert path in message.msg


def test_an_alias_of_the_wrong_type_is_named(messages):
    assert [message.id for message in messages({"MULTISESSION_DATABASE": ["default"]})] == [
        "multisession.E010"
    ]


@pytest.mark.parametrize("name", ["TTL", "ABSOLUTE_AGE", "TOUCH_INTERVAL"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**12, 0.5, True])
def test_what_is_no_lifetime_is_named(messages, name, value):
    (message,) = messages({f"MULTISESSION_{name}": value})
    assert f"MULTISESSION_{name}" in message.msg


class SessionStore(session.SessionStore):
    """A session engine of a project."""


def test_an_engine_of_the_projects_own_is_no_mistake(messages):
    assert messages({"SESSION_ENGINE": __name__}) == []
