"""A site with logins, and with views that run a test's function in a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import auth
from django.contrib.auth.views import (
    LoginView,
    LogoutView,
    PasswordChangeView,
    PasswordResetConfirmView,
)
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import sync_only_middleware

from django_multisession.forms import AuthenticationForm
from django_multisession.middleware import SessionMiddleware

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"

# The function that the view of the next request runs; see Browser.run().
script: Callable[[Any], Any] | None = None


def run(request: HttpRequest) -> HttpResponse:
    answer = script(request)
    return HttpResponse("" if answer is None else str(answer))


async def arun(request: HttpRequest) -> HttpResponse:
    answer = await script(request)
    return HttpResponse("" if answer is None else str(answer))


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


class PoliteLoginView(LoginView):
    authentication_form = AuthenticationForm

    def form_invalid(self, form: Any) -> HttpResponse:
        return HttpResponse(" ".join(form.non_field_errors()))


class Reset(PasswordResetConfirmView):
    success_url = "/who/"


urlpatterns = [
    path("run/", run),
    path("arun/", arun),
    path("who/", who),
    path("login/", LoginView.as_view(success_url="/who/"), name="login"),
    path("politely/", PoliteLoginView.as_view()),
    path("logout/", LogoutView.as_view(next_page="/who/")),
    path("password/", PasswordChangeView.as_view(success_url="/who/")),
    path("reset/<uidb64>/<token>/", Reset.as_view()),
    path("reset-and-login/<uidb64>/<token>/", Reset.as_view(post_reset_login=True)),
]


# Objects that settings name


@sync_only_middleware
def blocking(get_response: Any) -> Any:
    return lambda request: get_response(request)


class OurMiddleware(SessionMiddleware):
    """A project's subclass of the middleware."""


def limit_of(user: Any) -> int | None:
    """Return 2 for staff, 1 for grace, and no limit for others."""
    return 2 if user.is_staff else 1 if user.get_username() == "grace" else None


# Password changes in code, in both dialects


def change(request: HttpRequest, user: Any = None) -> None:
    """Change the password and keep the session, as a view should."""
    user = user or request.user
    user.set_password("new")
    user.save()
    auth.update_session_auth_hash(request, user)


async def achange(request: HttpRequest, user: Any = None) -> None:
    request.user = await request.auser()  # Django 5.2 would load it synchronously
    user = user or request.user
    user.set_password("new")
    await user.asave()
    await auth.aupdate_session_auth_hash(request, user)
