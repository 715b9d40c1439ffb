"""Fixtures of the tests of the system checks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends import file

from django_multisession.checks import check_deployment, check_settings
from django_multisession.engine import BACKENDS
from support.check_cases import FINE


@pytest.fixture
def messages(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[Any]]:
    """``messages(wrong)``: messages of the checks for FINE with these settings replaced."""

    def run(wrong: dict[str, Any]) -> list[Any]:
        for name in ("redis", "dynamodb"):  # they read their settings only once
            monkeypatch.delitem(sys.modules, f"{BACKENDS}{name}", raising=False)
        monkeypatch.delattr(file.SessionStore, "_storage_path", raising=False)  # the same
        for name, value in (FINE | wrong).items():
            setattr(settings, name, value)
        return check_settings() + check_deployment()

    return run
