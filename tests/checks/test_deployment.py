"""The checks for production."""

from __future__ import annotations

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command

from django_multisession.checks import deployment
from django_multisession.engine import BACKENDS
from support.check_cases import (
    BY_ALIAS,
    BY_URL,
    DJANGO_REDIS,
    DJANGOS_OWN,
    PICKLE,
    REDIS,
    assert_mistake,
    ids_in,
)

# Id, wrong settings, text that the message or its hint must contain
WRONG = [
    ("W010", {"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE"),
    ("W011", {"SESSION_COOKIE_HTTPONLY": False}, "SESSION_COOKIE_HTTPONLY"),
    ("W012", {"SESSION_SERIALIZER": PICKLE}, "SESSION_SERIALIZER"),
    ("W013", {"SESSION_ENGINE": f"{BACKENDS}memory"}, "memory"),
    ("W014", REDIS | {"CACHES": {"default": DJANGO_REDIS}}, "cache.clear()"),
]

# Id that must not be given, settings that are close to its mistake but correct
RIGHT = [
    ("W010", {"SESSION_COOKIE_SECURE": False, **DJANGOS_OWN}),
    ("W011", {"SESSION_COOKIE_HTTPONLY": False, **DJANGOS_OWN}),
    ("W012", {"SESSION_SERIALIZER": "project.serializers.Msgpack"}),
    ("W013", {"SESSION_ENGINE": f"{BACKENDS}db"}),
    ("W014", BY_ALIAS | {"CACHES": {"default": DJANGO_REDIS, "other": DJANGO_REDIS}}),
    ("W014", BY_URL | {"CACHES": {"default": DJANGO_REDIS}}),
]


@pytest.mark.parametrize(("id", "wrong", "look_for"), WRONG)
def test_a_mistake_is_reported_with_its_remedy(messages, id, wrong, look_for):
    assert_mistake(messages(wrong), id, look_for)


@pytest.mark.parametrize(("id", "right"), RIGHT)
def test_correct_settings_are_not_reported(messages, id, right):
    assert messages(right) == []


def test_every_id_of_the_module_has_a_wrong_and_a_right_case():
    assert ids_in(deployment).keys() == {id for id, *_ in WRONG} == {id for id, _ in RIGHT}


def test_where_django_checks_the_cookie_we_are_silent(messages, monkeypatch):
    unsafe = {"SESSION_COOKIE_SECURE": False, "SESSION_COOKIE_HTTPONLY": False}
    assert len(messages(unsafe)) == 2
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django.contrib.sessions")
    assert messages(unsafe) == []


@pytest.mark.parametrize(("deploy", "found"), [(False, False), (True, True)])
def test_the_deployment_checks_run_with_deploy_only(settings, deploy, found):
    settings.SESSION_SERIALIZER = PICKLE
    output = StringIO()
    call_command("check", deploy=deploy, tags=["security"], stderr=output)
    assert ("multisession.W012" in output.getvalue()) is found
