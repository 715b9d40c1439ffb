"""Makes users and sessions where a demo keeps its own: a process beside it, in its environment.

Each line it reads names a function below and its arguments, each line it writes is an answer, both
in JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.http import HttpRequest

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.db import transaction  # noqa: E402

from django_multisession import sessions  # noqa: E402


def user(name: str, email: str = "", password: str = "") -> str:
    """Made, where there is none of this name. The primary key."""
    facts = {"email": email, "password": make_password(password or None)}
    return str(get_user_model().objects.get_or_create(username=name, defaults=facts)[0].pk)


def session(
    name: str | None = None, ip: str = "", user_agent: str = "", **options: Any
) -> dict[str, str | None]:
    """A user's, or nobody's. Its handle and its key. ``options``: of `sessions.create`."""
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": ip, "HTTP_USER_AGENT": user_agent}
    holder = get_user_model().objects.get(username=name) if name else None
    made = sessions.create(holder, request=request, **options)
    return {"handle": made.handle, "key": made.session_key}


def crowd(number: int) -> list[str | None]:
    """So many sessions of nobody. Their handles."""
    with transaction.atomic():
        return [sessions.create(data={"number": each}).handle for each in range(number)]


def clear() -> int:
    """End all there are."""
    return sessions.clear()


CALLS = {each.__name__: each for each in (user, session, crowd, clear)}

if __name__ == "__main__":
    for line in sys.stdin:
        call, arguments = json.loads(line)
        sys.stdout.write(json.dumps(CALLS[call](**arguments)) + "\n")
        sys.stdout.flush()
