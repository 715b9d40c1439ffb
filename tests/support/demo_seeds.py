"""A process that creates users and sessions in a running demo, with the same environment.

Each line of its input is a JSON array: the name of a function below, and its arguments. Each line
of its output is the result in JSON.
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
    """Create the user if necessary, and return the primary key."""
    facts = {"email": email, "password": make_password(password or None)}
    return str(get_user_model().objects.get_or_create(username=name, defaults=facts)[0].pk)


def session(
    name: str | None = None, ip: str = "", user_agent: str = "", **options: Any
) -> dict[str, str | None]:
    """Create a session of a user or an anonymous one. Return its handle and key.

    ``options``: see `sessions.create`.
    """
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": ip, "HTTP_USER_AGENT": user_agent}
    holder = get_user_model().objects.get(username=name) if name else None
    made = sessions.create(holder, request=request, **options)
    return {"handle": made.handle, "key": made.session_key}


def crowd(number: int) -> list[str | None]:
    """Create so many anonymous sessions and return their handles."""
    with transaction.atomic():
        return [sessions.create(data={"number": n}).handle for n in range(number)]


def clear() -> int:
    """End all sessions and return how many there were."""
    return sessions.clear()


CALLS = {function.__name__: function for function in (user, session, crowd, clear)}

if __name__ == "__main__":
    for line in sys.stdin:
        call, arguments = json.loads(line)
        sys.stdout.write(json.dumps(CALLS[call](**arguments)) + "\n")
        sys.stdout.flush()
