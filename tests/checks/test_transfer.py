"""The checks of MULTISESSION_MIGRATE_FROM."""

from __future__ import annotations

import pytest

from django_multisession.checks import transfer
from django_multisession.engine import BACKENDS
from support.check_cases import CACHE_ENGINE, DJANGOS_ENGINE, assert_mistake, ids_in

FROM_CACHE = {"MULTISESSION_MIGRATE_FROM": [CACHE_ENGINE]}
FROM_FILES = {"MULTISESSION_MIGRATE_FROM": ["django.contrib.sessions.backends.file"]}

# Id, wrong settings, text that the message or its hint must contain
WRONG = [
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
]

# Id that must not be given, settings that are close to its mistake but correct
RIGHT = [
    ("E028", {"MULTISESSION_MIGRATE_FROM": (CACHE_ENGINE,)}),
    ("E029", {"MULTISESSION_MIGRATE_FROM": [CACHE_ENGINE, f"{BACKENDS}memory"]}),
    ("E030", {"MULTISESSION_MIGRATE_FROM": [f"{BACKENDS}memory"]}),
]


@pytest.mark.parametrize(("id", "wrong", "look_for"), WRONG)
def test_a_mistake_is_reported_with_its_remedy(messages, id, wrong, look_for):
    assert_mistake(messages(wrong), id, look_for)


@pytest.mark.parametrize(("id", "right"), RIGHT)
def test_correct_settings_are_not_reported(messages, id, right):
    assert messages(right) == []


def test_every_id_of_the_module_has_a_wrong_and_a_right_case():
    assert ids_in(transfer).keys() == {id for id, *_ in WRONG} == {id for id, _ in RIGHT}


def test_every_previous_engine_is_checked(messages):
    """The first wrong one does not hide the others."""
    engines = ["no.where", f"{BACKENDS}db", CACHE_ENGINE, "not.there"]
    found = messages({"MULTISESSION_MIGRATE_FROM": engines})
    assert [message.id[-4:] for message in found] == ["E029", "E030", "E029"]
    assert "'not.there'" in found[-1].msg
