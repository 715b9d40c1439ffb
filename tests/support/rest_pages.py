"""Views of Django REST framework with bearer authentication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_multisession.rest_framework import BearerSessionAuthentication
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from support.auth_worlds import DJANGOS, OURS, USER, World, inhabited
from support.bearers import BEARER, CSRF


class Who(APIView):
    authentication_classes = [BearerSessionAuthentication]
    renderer_classes = [JSONRenderer]

    def get(self, request: Request) -> Response:
        by = request.successful_authenticator
        facts = {"user": request.user.get_username(), "by": type(by).__name__}
        is_session = isinstance(request.auth, SessionStore)
        return Response({**facts, "session": request.auth.handle if is_session else None})

    post = get


class Members(Who):
    permission_classes = [IsAuthenticated]


class Both(Members):
    """A view with bearer and cookie authentication."""

    authentication_classes = [BearerSessionAuthentication, SessionAuthentication]


urlpatterns = [
    path("anybody/", Who.as_view()),
    path("members/", Members.as_view()),
    path("both/", Both.as_view()),
]

PAGES = ["/members/", "/both/"]  # pages that require a user
MIDDLEWARE = {"none": [], "django": [DJANGOS, CSRF, USER], "ours": [OURS, CSRF, USER]}
MIDDLEWARE["bearer"] = [BEARER, CSRF, USER]


@contextmanager
def opened(
    storage: Storage, settings: Any, monkeypatch: Any, middleware: str = "ours"
) -> Iterator[World]:
    with inhabited(storage, settings, monkeypatch) as it:
        settings.ROOT_URLCONF = __name__
        settings.MIDDLEWARE = MIDDLEWARE[middleware]
        yield it
