"""Errors that API clients receive as JSON."""

from __future__ import annotations

import json
from http import HTTPStatus

from django_multisession.web.api_errors import ApiError, unavailable


def test_the_response_has_a_word_for_programs_and_a_sentence_for_people():
    response = ApiError(HTTPStatus.CONFLICT, "conflict", "Try again.").response()
    assert (response.status_code, response["Content-Type"]) == (409, "application/json")
    assert json.loads(response.content) == {"error": "conflict", "detail": "Try again."}


def test_headers_are_sent_with_the_response():
    headers = {"Allow": "GET, POST"}
    error = ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "not_allowed", "Not this.", headers)
    assert error.response()["Allow"] == "GET, POST"


def test_in_a_traceback_the_error_is_its_sentence():
    assert str(ApiError(HTTPStatus.CONFLICT, "conflict", "Try again.")) == "Try again."


def test_every_outage_has_the_same_response():
    """The server's own text may contain its address and its user."""
    first, second = unavailable().response(), unavailable().response()
    assert first.status_code == 503
    assert first.content == second.content
    assert json.loads(first.content)["error"] == "unavailable"
