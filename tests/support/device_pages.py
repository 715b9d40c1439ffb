"""A site with the device pages, and its users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client
from django.urls import include, path

from django_multisession import views
from django_multisession.storage.base import Storage
from support import admin_site
from support.admin_site import Office, who

PAGE = "/devices/"
END_OTHERS = f"{PAGE}end-others/"
LOGIN = "/login/"
ACTS = ["rename", "end"]
PASSWORD = "demo"  # the password of all users
STALE = {"minutes": 16}  # after this time the password is required

TAGGED = "{% load multisession %}{% devices as d %}{% for each in d %}{{ each.name }};{% endfor %}"

# The handle and the name of a device in a page.
NAME = re.compile(r'(?s)<h2 id="device-([\w-]{43})"><bdi>(.*?)</bdi>')
CARD = re.compile(r"(?s)<article.*?</article>")
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class FewDevices(views.DeviceList):
    paginate_by = 2


class OwnEnd(views.DeviceEnd):
    """A project's subclass with another template, success_url and login_url."""

    template_name = "own_end.html"
    success_url = "/who/"
    login_url = "/sso/"


def tagged(request: HttpRequest) -> HttpResponse:
    """Render a page of the project with the template tags."""
    return HttpResponse(Template(TAGGED).render(RequestContext(request)))


urlpatterns = [
    path("devices/", include("django_multisession.urls")),
    path("few/", FewDevices.as_view()),
    path("own/<handle>/end/", OwnEnd.as_view()),
    path("tagged/", tagged),
    path("login/", LoginView.as_view(), name="login"),
    path("who/", who, name="home"),
]


class Home(Office):
    """A site whose browsers sign in with the form, so that their clients are stored."""

    def browser(self, user: Any = None, **options: Any) -> Client:
        browser = super().browser(**options)
        if user is not None:
            answer = browser.post(LOGIN, {"username": user.get_username(), "password": PASSWORD})
            assert answer.status_code == 302
        return browser


@contextmanager
def lived_in(storage: Storage, settings: Any, monkeypatch: Any) -> Iterator[Home]:
    """Open the site with the package's own layout, for a fixture."""
    with admin_site.opened(storage, settings, monkeypatch, Home) as it:
        settings.ROOT_URLCONF = __name__
        settings.LOGIN_REDIRECT_URL = "/who/"
        use_templates(settings)
        yield it


def use_templates(settings: Any, *directories: Any, without: str = "demo.") -> None:
    """Use templates of these directories and of apps.

    Context processors whose path contains ``without`` are left out.
    """
    (engine,) = settings.TEMPLATES
    processors = engine["OPTIONS"]["context_processors"]
    kept = [each for each in processors if without not in each]
    options = {"context_processors": kept}
    settings.TEMPLATES = [{**engine, "DIRS": [*directories], "OPTIONS": options}]


def use_frame(settings: Any, directory: Path, text: str) -> None:
    """Use this text as the project's layout of the device pages."""
    frame = directory / "django_multisession" / "base.html"
    frame.parent.mkdir()
    frame.write_text(text)
    use_templates(settings, directory)


def url(handle: str, act: str) -> str:
    return f"{PAGE}{handle}/{act}/"


def named(response: Any) -> dict[str, str]:
    """Return handle -> name of the devices, in the order of the page."""
    assert response.status_code == 200
    pairs = NAME.findall(response.content.decode())
    assert len(dict(pairs)) == len(pairs)
    return {handle: unescape(name) for handle, name in pairs}


def listed(response: Any) -> list[str]:
    return [*named(response)]


def cards(response: Any) -> list[str]:
    """Return the text of each device, in the order of the page."""
    found = CARD.findall(response.content.decode())
    return [" ".join(unescape(re.sub("<[^>]*>", " ", card)).split()) for card in found]


def asks_password(response: Any) -> bool:
    assert response.status_code == 200
    return 'type="password"' in response.content.decode()


def token_of(response: Any) -> str:
    (token,) = TOKEN.findall(response.content.decode())
    return token
