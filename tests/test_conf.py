"""`conf`: defaults, conversions, and the cache that a changed setting clears."""

from datetime import timedelta

import pytest
from django.test import override_settings

from django_multisession import conf
from django_multisession.client import remote_addr

DAY = timedelta(days=1)


def same_object(session):
    """Return the argument: a value for MULTISESSION_TTL."""
    return session


def ttl_field(session):
    """Return a field of the session: a value for MULTISESSION_TTL."""
    return session["ttl"]


def org_of(fields):
    """Return a field of the session: a value for MULTISESSION_REFERENCES."""
    return fields.get("org")


def forwarded(request):
    """Return a fixed IP address: a value for MULTISESSION_CLIENT_IP."""
    return "192.0.2.1"


def test_defaults():
    assert conf.references() == {"user": "_auth_user_id"}
    assert conf.policy().ttl is None
    assert conf.absolute_age() is None
    assert conf.policy().touch_interval == timedelta(seconds=60)
    assert conf.database() is None
    assert conf.client_ip() is remote_addr
    assert conf.defined_names() == ["MULTISESSION_MIGRATE_FROM"]  # set by the demo project


@pytest.mark.parametrize("name", conf.DEFAULTS)
def test_a_setting_is_the_projects_or_its_default(settings, name):
    assert conf.get(name) == conf.DEFAULTS[name]
    setattr(settings, name, "new")
    assert conf.get(name) == "new"


def test_an_unknown_setting_is_a_key_error():
    with pytest.raises(KeyError, match="MULTISESSION_UNKNOWN"):
        conf.get("MULTISESSION_UNKNOWN")


@pytest.mark.parametrize(
    ("name", "read", "value", "expected"),
    [
        ("TTL", lambda: conf.policy().ttl, 5, 5),
        ("ABSOLUTE_AGE", conf.absolute_age, DAY, DAY),
        ("TOUCH_INTERVAL", lambda: conf.policy().touch_interval, None, None),
        ("DATABASE", conf.database, "other", "other"),
        ("CLIENT_IP", conf.client_ip, f"{__name__}.forwarded", forwarded),
        ("REFERENCES", conf.references, {"org": "org_id"}, {"org": "org_id"}),
    ],
)
def test_a_changed_setting_takes_effect_at_once_and_so_does_its_end(name, read, value, expected):
    before = read()
    assert before != expected
    with override_settings(**{f"MULTISESSION_{name}": value}):
        assert read() == expected
        with override_settings(**{f"MULTISESSION_{name}": conf.DEFAULTS[f"MULTISESSION_{name}"]}):
            assert read() == before
        assert read() == expected
    assert read() == before


def test_values_are_kept_until_a_setting_changes(settings):
    references = conf.references()
    assert conf.references() is references
    settings.SESSION_COOKIE_AGE = 5
    assert conf.references() is not references
    assert conf.references() == references


@pytest.mark.parametrize("read", ["absolute_age", "touch_interval"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (90, timedelta(seconds=90)),
        (0.5, timedelta(milliseconds=500)),
        (DAY, DAY),
        (None, None),
    ],
)
def test_a_duration_is_seconds_or_a_timedelta_or_nothing(settings, read, value, expected):
    setattr(settings, f"MULTISESSION_{read.upper()}", value)
    assert getattr(conf.policy(), read) == expected


@pytest.mark.parametrize("ttl", [90, 0.5, DAY, None, timedelta(0)])
def test_ttl_is_a_time(settings, ttl):
    settings.MULTISESSION_TTL = ttl
    assert conf.policy().ttl == ttl


def test_ttl_may_be_the_path_of_a_callable(settings):
    settings.MULTISESSION_TTL = f"{__name__}.same_object"
    assert conf.policy().ttl is same_object
    assert conf.policy().ttl("a session") == "a session"


@pytest.mark.parametrize(("answer", "age"), [(90, 90), (DAY, 86400), (None, 14 * 86400)])
def test_that_callable_is_given_the_session(settings, store, answer, age):
    settings.MULTISESSION_TTL = f"{__name__}.ttl_field"
    session = store()
    session["ttl"] = answer
    assert session.get_session_cookie_age() == age


def test_references_are_fields_or_dotted_paths(settings):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": f"{__name__}.org_of"}
    assert conf.references() == {"user": "_auth_user_id", "org": org_of}


@pytest.mark.parametrize("path", ["nowhere.at_all", f"{__name__}.absent", "undotted"])
def test_a_path_that_names_nothing_is_an_import_error(path):
    with pytest.raises(ImportError):
        conf.import_setting(path)


def test_defined_names_are_those_that_the_project_sets(settings):
    settings.MULTISESSION_TTL = 5
    settings.MULTISESSION_TLL = 5
    settings.OTHER = 5
    names = ["MULTISESSION_MIGRATE_FROM", "MULTISESSION_TLL", "MULTISESSION_TTL"]
    assert conf.defined_names() == names


def test_djangos_own_settings(settings):
    settings.SESSION_COOKIE_AGE = 5
    assert conf.django_setting("SESSION_COOKIE_AGE") == 5
    settings.SESSION_COOKIE_AGE = 6
    assert conf.django_setting("SESSION_COOKIE_AGE") == 6


def test_cookie(settings):
    settings.SESSION_COOKIE_NAME = "name"
    settings.SESSION_COOKIE_DOMAIN = "example.com"
    settings.SESSION_COOKIE_PATH = "/path"
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_HTTPONLY = False
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    assert conf.cookie() == {
        "key": "name",
        "domain": "example.com",
        "path": "/path",
        "secure": True,
        "httponly": False,
        "samesite": "Strict",
    }
