"""Responses for requests during which the session server is down."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from django.http import HttpResponse

from django_multisession.web import outages
from django_multisession.web.api_errors import ApiError
from support.outages import Away, raising
from support.project import install

LOGGER = "django_multisession.web.outages"
fail = raising(Away)


@pytest.fixture(autouse=True)
def project(memory_storage, settings, monkeypatch):
    """A project in which `Away` is an outage."""
    install(memory_storage, settings, monkeypatch)
    monkeypatch.setattr(memory_storage, "outages", (Away,))


def request_with(**session):
    return SimpleNamespace(session=SimpleNamespace(**session))


def respond():
    return HttpResponse("down", status=503)


def test_an_outage_is_answered_and_the_session_taken_off_the_request():
    """Otherwise the middleware would try to save the session, and fail as well."""
    request = request_with()
    response = outages.answer_503(respond)(fail)(request)
    assert (response.status_code, response.content) == (503, b"down")
    assert not hasattr(request, "session")


def test_a_session_with_a_new_key_stays():
    """The middleware must send the new key: the old one no longer works."""
    request = request_with(is_rekeyed=True)
    assert outages.answer_503(respond)(fail)(request).status_code == 503
    assert request.session.is_rekeyed


def test_other_errors_are_not_outages():
    request = request_with()
    with pytest.raises(LookupError):
        outages.answer_503(respond)(raising(LookupError))(request)
    assert request.session is not None


def test_without_an_outage_the_view_answers():
    view = outages.answer_503(respond)(lambda request, *args, **kwargs: (args, kwargs))
    assert view(request_with(), 1, name=2) == ((1,), {"name": 2})


def test_a_decorated_view_keeps_its_name_and_docstring():
    def view(request):
        """Show a page."""

    decorated = outages.answer_503(respond)(view)
    assert (decorated.__name__, decorated.__doc__) == ("view", "Show a page.")


def test_an_outage_is_logged_with_its_traceback(caplog):
    outages.answer_503(respond)(fail)(request_with())
    (record,) = [record for record in caplog.records if record.name == LOGGER]
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is Away


def test_for_an_api_an_outage_becomes_its_error(caplog):
    with pytest.raises(ApiError) as caught, outages.raises_unavailable():
        fail()
    assert (caught.value.status, caught.value.error) == (503, "unavailable")
    assert "<server>" not in caught.value.detail
    assert isinstance(caught.value.__cause__, Away)
    assert [record.name for record in caplog.records] == [LOGGER]


def test_for_an_api_other_errors_stay_what_they_are(caplog):
    with pytest.raises(LookupError), outages.raises_unavailable():
        raise LookupError
    assert caplog.records == []


def test_the_page_is_rendered_when_the_outage_happens(settings):
    """The template may be translated, so that each visitor reads another language."""
    loaders = [("django.template.loaders.locmem.Loader", {"down.html": "{{ 6|add:1 }} down"})]
    backend = "django.template.backends.django.DjangoTemplates"
    settings.TEMPLATES = [{"BACKEND": backend, "OPTIONS": {"loaders": loaders}}]
    response = outages.page_503("down.html")()
    assert (response.status_code, response.content) == (503, b"7 down")
