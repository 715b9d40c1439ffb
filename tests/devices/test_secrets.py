"""Device pages: error reports contain neither passwords nor session keys."""

from __future__ import annotations

import sys

import pytest
from django.contrib.auth.backends import ModelBackend
from django.core.signals import got_request_exception
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_variables

from support.device_pages import END_OTHERS, STALE, url

SECRET = "correct-horse-battery"


class Broken(ModelBackend):
    """An authentication backend that hides its password and fails."""

    @sensitive_variables()
    def authenticate(self, request, **credentials):
        raise ConnectionError("the directory does not answer")


@pytest.fixture
def reports():
    """Return the error reports of the requests, with local variables, as Django mails them."""
    found = []

    def receive(request, **facts):
        found.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_html())
        found.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_text())

    got_request_exception.connect(receive)
    yield found
    got_request_exception.disconnect(receive)


@pytest.fixture
def pages(home, ada):
    return [url(home.add(ada), "end"), END_OTHERS]


@pytest.fixture
def browser(home, mine, pages, settings):
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, f"{__name__}.Broken"]
    mine.raise_request_exception = False
    home.clock.advance(**STALE)
    return mine


def test_no_password(browser, pages, reports):
    for page in pages:
        assert browser.post(page, {"password": SECRET}).status_code == 500
    assert len(reports) == 4
    for report in reports:
        assert "the directory does not answer" in report
        assert SECRET not in report


def test_no_key(browser, reports):
    key = browser.cookies["sessionid"].value
    assert browser.post(END_OTHERS, {"password": SECRET}).status_code == 500
    assert all(key not in report for report in reports)


def test_no_password_in_a_log(browser, caplog):
    browser.post(END_OTHERS, {"password": SECRET})
    assert "the directory does not answer" in caplog.text
    assert SECRET not in caplog.text
