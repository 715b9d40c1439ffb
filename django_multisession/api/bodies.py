"""What clients send: JSON objects of texts, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from . import errors


def text_in(request: HttpRequest, name: str) -> str:
    """The text of the one member that the body has. Raises Refused."""
    body = _object_in(request)
    if body.keys() - {name}:
        raise errors.invalid(f"The object takes {name!r}, and nothing else.")
    if not isinstance(body.get(name), str):
        raise errors.invalid(f"The object needs {name!r}, a text.")
    return str(body[name])


def _object_in(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise errors.not_json()
    try:
        body = json.loads(request.body)
    except RequestDataTooBig as error:
        raise errors.too_large() from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise errors.invalid("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise errors.invalid("The body must be an object.")
    return body
