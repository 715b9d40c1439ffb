"""The checks that query the session server."""

from __future__ import annotations

import pytest
from django.core.checks import ERROR, WARNING

from django_multisession.checks import check_server
from django_multisession.checks.server import ERRORS, IGNORED, WARNINGS
from django_multisession.storage.base import Finding
from support.outages import broken
from support.project import install

WARNED = {
    "eviction": "W020",
    "persistence": "W021",
    "memory": "W022",
    "unknown": "W023",
    "ttl": "W024",
    "clock": "W025",
    "vacuum": "W026",
}
PREVENTING = ("missing", "keys", "status", "readonly")
LEFT_TO_CHECKSESSIONS = ("schema", "journal")


@pytest.fixture
def server(memory_storage, settings, monkeypatch):
    """``server(name, ...)``: ids and levels of the checks where the server has these findings."""
    install(memory_storage, settings, monkeypatch)

    def run(*names):
        findings = [Finding(name, f"{name} is wrong.", "Correct it.") for name in names]
        monkeypatch.setattr(memory_storage, "diagnose", lambda: findings)
        return [(message.id, message.level) for message in check_server(["default"])]

    return run


@pytest.mark.parametrize(("name", "expected"), WARNED.items())
def test_a_finding_is_a_warning_with_an_id_of_its_own(server, name, expected):
    assert server(name) == [(f"multisession.{expected}", WARNING)]


@pytest.mark.parametrize("name", PREVENTING)
def test_a_finding_that_prevents_storing_is_an_error(server, name):
    assert server(name) == [("multisession.E020", ERROR)]


@pytest.mark.parametrize("name", LEFT_TO_CHECKSESSIONS)
def test_a_finding_that_only_checksessions_reports_hides_no_other(server, name):
    assert server(name) == []
    assert server(name, "clock") == [("multisession.W025", WARNING)]


def test_every_finding_is_tested():
    assert WARNED.keys() == WARNINGS.keys()
    assert {*PREVENTING} == ERRORS.keys()
    assert {*LEFT_TO_CHECKSESSIONS} == IGNORED


def test_problem_and_remedy_are_the_storages(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    finding = Finding("eviction", "Sessions are evicted.", "Set noeviction.")
    monkeypatch.setattr(memory_storage, "diagnose", lambda: [finding])
    (message,) = check_server(["default"])
    assert (message.msg, message.hint) == (finding.problem, finding.remedy)


def test_a_server_that_does_not_answer_is_an_error(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    broken(monkeypatch, memory_storage, "diagnose")
    (message,) = check_server(["default"])
    assert message.id == "multisession.E019"
    assert "no answer from <server>" in message.msg


def test_without_databases_the_server_is_not_asked(memory_storage, settings, monkeypatch):
    """``manage.py check`` runs before servers are reachable, in a build for example."""
    install(memory_storage, settings, monkeypatch)
    broken(monkeypatch, memory_storage, "diagnose")
    assert check_server(None) == check_server([]) == []


def test_another_engine_is_not_asked(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.file"
    assert check_server(["default"]) == []
