"""Requests of clients that are refused, told in JSON."""

from __future__ import annotations

from http import HTTPStatus

from django.http import JsonResponse


class ApiError(Exception):
    """``error`` is a word for programs, ``detail`` a sentence for who writes them."""

    def __init__(
        self, status: HTTPStatus, error: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail, self.headers = status, error, detail, headers

    def response(self) -> JsonResponse:
        facts = {"error": self.error, "detail": self.detail}
        return JsonResponse(facts, status=self.status, headers=self.headers)


def unavailable() -> ApiError:
    """Where sessions cannot be had. It does not show what the server said."""
    detail = "The server that keeps sessions does not answer. Nothing was changed; try again."
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
