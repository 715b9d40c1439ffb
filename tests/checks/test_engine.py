"""The checks of SESSION_ENGINE and of the session middleware."""

from __future__ import annotations

import pytest

from django_multisession import session
from django_multisession.checks import engine
from django_multisession.engine import BACKENDS, DJANGO_MIDDLEWARE, OUR_MIDDLEWARE
from support.check_cases import (
    BY_URL,
    DJANGOS_ENGINE,
    DYNAMODB,
    NO_MIDDLEWARE,
    PROJECTS_MIDDLEWARE,
    assert_mistake,
    ids_in,
)

# Id, wrong settings, text that the message or its hint must contain
WRONG = [
    ("E001", NO_MIDDLEWARE | {"SESSION_ENGINE": "django_multisession"}, "SESSION_ENGINE"),
    ("E001", NO_MIDDLEWARE | {"SESSION_ENGINE": "django_multisession.db"}, "SESSION_ENGINE"),
    ("E001", {"SESSION_ENGINE": f"{BACKENDS}bd"}, "SESSION_ENGINE"),
    ("E012", {"MIDDLEWARE": [OUR_MIDDLEWARE, DJANGO_MIDDLEWARE]}, "MIDDLEWARE"),
    ("E012", {"MIDDLEWARE": (DJANGO_MIDDLEWARE, DJANGO_MIDDLEWARE)}, "MIDDLEWARE"),
    ("E012", {"MIDDLEWARE": [OUR_MIDDLEWARE, PROJECTS_MIDDLEWARE]}, "MIDDLEWARE"),
    (
        "E012",
        {"MIDDLEWARE": [OUR_MIDDLEWARE, OUR_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE},
        "MIDDLEWARE",
    ),
    ("E013", {"SESSION_ENGINE": DJANGOS_ENGINE}, "SESSION_ENGINE"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "http://host"}, "MULTISESSION_REDIS_URL"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "redis://:p/w@host"}, "percent-encoded"),
    ("E014", BY_URL | {"MULTISESSION_REDIS_OPTIONS": {"tineout": 1}}, "'tineout'"),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"tineout": 1}}, "'tineout'"),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"config": {"tineout": 1}}}, "'tineout'"),
    ("W001", {"MIDDLEWARE": [DJANGO_MIDDLEWARE]}, DJANGO_MIDDLEWARE),
    ("W003", NO_MIDDLEWARE, "MIDDLEWARE"),
]

# Id that must not be given, settings that are close to its mistake but correct
RIGHT = [
    ("E001", {"SESSION_ENGINE": f"{BACKENDS}db"}),
    ("E001", {"SESSION_ENGINE": DJANGOS_ENGINE, "MIDDLEWARE": [DJANGO_MIDDLEWARE]}),
    ("E001", {"SESSION_ENGINE": "project.sessions", **NO_MIDDLEWARE}),
    ("E012", {"MIDDLEWARE": (OUR_MIDDLEWARE,)}),
    ("E012", {"MIDDLEWARE": [PROJECTS_MIDDLEWARE]}),
    ("E013", {"SESSION_ENGINE": DJANGOS_ENGINE, **NO_MIDDLEWARE}),
    ("E014", BY_URL | {"MULTISESSION_REDIS_URL": "redis+cluster://a,b:7000"}),
    ("E014", BY_URL | {"MULTISESSION_REDIS_OPTIONS": {"socket_timeout": 1}}),
    ("E014", DYNAMODB | {"MULTISESSION_DYNAMODB_OPTIONS": {"config": {"read_timeout": 1}}}),
    ("W001", {"MIDDLEWARE": [DJANGO_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE}),
    ("W003", {"SESSION_ENGINE": DJANGOS_ENGINE, **NO_MIDDLEWARE}),
    ("W003", {"MIDDLEWARE": ["not.to.be.imported", PROJECTS_MIDDLEWARE]}),
]


@pytest.mark.parametrize(("id", "wrong", "look_for"), WRONG)
def test_a_mistake_is_reported_with_its_remedy(messages, id, wrong, look_for):
    assert_mistake(messages(wrong), id, look_for)


@pytest.mark.parametrize(("id", "right"), RIGHT)
def test_correct_settings_are_not_reported(messages, id, right):
    assert messages(right) == []


def test_every_id_of_the_module_has_a_wrong_and_a_right_case():
    assert ids_in(engine).keys() == {id for id, *_ in WRONG} == {id for id, _ in RIGHT}


class SessionStore(session.SessionStore):
    """A session engine of a project."""


def test_an_engine_of_the_projects_own_is_no_mistake(messages):
    assert messages({"SESSION_ENGINE": __name__}) == []
