"""The system checks as a whole: their registration and their ids."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from django_multisession.checks import check_settings, deployment, engine, server, transfer
from django_multisession.checks import settings as settings_checks
from support.check_cases import ids_in

PARTS = [settings_checks, engine, transfer, deployment, server]


def test_every_id_belongs_to_one_check():
    uses = Counter[str]()
    for part in PARTS:
        uses.update({id: len(names) for id, names in ids_in(part).items()})
    assert {id: number for id, number in uses.items() if number > 1} == {}


@pytest.mark.parametrize("part", PARTS)
def test_every_check_is_called(part):
    """A check that is written but not registered would never find anything."""
    written = {name for names in ids_in(part).values() for name in names}
    assert written == {check.__name__ for check in part.CHECKS}


def test_nothing_is_wrong_with_the_test_project():
    assert check_settings() == []


def test_django_runs_our_checks(settings):
    call_command("check", tags=["security"])  # the others query databases
    settings.MULTISESSION_TTL = -1
    with pytest.raises(SystemCheckError, match=r"\(multisession\.E007\) MULTISESSION_TTL .+ -1"):
        call_command("check", tags=["security"])
