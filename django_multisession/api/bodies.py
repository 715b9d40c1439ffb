"""Request bodies: JSON objects with one text."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from . import errors


def text_in(request: HttpRequest, name: str) -> str:
    """Return the value of the only member that the body may have. Raises ApiError."""
    body = _object_in(request)
    if body.keys() - {name}:
        raise errors.invalid(f"The object may only have the member {name!r}.")
    if not isinstance(body.get(name), str):
        raise errors.invalid(f"The object must have the member {name!r}, a string.")
    return str(body[name])


def _object_in(request: HttpRequest) -> dict[str, Any]:
    """Return the body as a JSON object. Raises ApiError."""
    if request.content_type != "application/json":
        raise errors.not_json()
    try:
        body = json.loads(request.body)
    except RequestDataTooBig as error:
        raise errors.too_large() from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deeply
        raise errors.invalid("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise errors.invalid("The body must be a JSON object.")
    return body
