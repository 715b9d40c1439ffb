"""Errors that an API client receives as JSON."""

from __future__ import annotations

from http import HTTPStatus

from django.http import JsonResponse


class ApiError(Exception):
    """A request that is answered with an HTTP error.

    ``error`` is a word that a program can test, ``detail`` a sentence for the program's author, and
    ``headers`` are sent with the response.
    """

    def __init__(
        self, status: HTTPStatus, error: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, headers

    def response(self) -> JsonResponse:
        """Return the error as a response: ``{"error": "...", "detail": "..."}``."""
        body = {"error": self.error, "detail": self.detail}
        return JsonResponse(body, status=self.status, headers=self.headers)


def unavailable() -> ApiError:
    """Return the error for an outage of the session server: 503, without the server's own text."""
    detail = "The session server is not responding. Nothing was changed; try again later."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
