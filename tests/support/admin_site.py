"""A site with the session browser in its admin, and browsers that use it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path, reverse

from django_multisession import sessions, signals
from django_multisession.core import keys
from django_multisession.storage.base import Storage
from support.project import install
from support.user_agents import FIREFOX

PAGE = "/admin/django_multisession/session/"
DEVICE = "Firefox on Linux"
MARKUP = "<b>&\"'{{ 7 }}%s"  # must never appear unescaped in a page

# The actions of the list, and the data that confirm ending one's own session.
END, EVERYWHERE = "delete_selected", "log_out_everywhere"
BOTH = pytest.mark.parametrize("action", [END, EVERYWHERE])
OWN = {"post": "End", "own": "on"}

# In each row of the list, the device links to the session.
LINK = re.compile(rf'class="field-device"><a href="{PAGE}([^/]+)/change/')


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("admin/", admin.site.urls), path("who/", who)]


class Office:
    """A factory for users, browsers and sessions, which records the sessions that end."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.clock = storage, storage.clock
        self.ended: list[tuple[str, str]] = []  # handle, reason
        self.factory = RequestFactory()

    def user(self, name: str, **facts: Any) -> Any:
        return get_user_model()._default_manager.create_user(name, password="demo", **facts)

    def staff(self, name: str, *permissions: str) -> Any:
        """Create a staff user with exactly these permissions."""
        user = self.user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        return user

    def browser(self, user: Any = None, **options: Any) -> Client:
        """Return a browser in which the user is logged in. The clock advances by a second."""
        self.clock.advance(seconds=1)
        browser = Client(HTTP_USER_AGENT=FIREFOX, **options)
        if user is not None:
            browser.force_login(user)
        return browser

    def root(self, **options: Any) -> Client:
        """Return a browser in which a new superuser is logged in."""
        return self.browser(self.user("root", is_staff=True, is_superuser=True), **options)

    def add(
        self, user: Any = None, *, ip: str = "192.0.2.1", agent: str = FIREFOX, **facts: Any
    ) -> str:
        """Create a session and return its handle. The clock advances by a second."""
        self.clock.advance(seconds=1)
        request = self.factory.get("/", REMOTE_ADDR=ip, HTTP_USER_AGENT=agent)
        holder = sessions.create(user, request=request, **facts)
        assert holder.handle is not None
        return holder.handle

    def several(self, number: int, **facts: Any) -> list[str]:
        """Create sessions and return their handles in the order of the list, the newest first."""
        return [self.add(**facts) for _ in range(number)][::-1]

    def is_there(self, handle: str) -> bool:
        return sessions.get(handle) is not None

    def reasons(self) -> dict[str, str]:
        """Return the reasons of the sessions that have ended, by handle."""
        return dict(self.ended)

    def note(self, sender: type, handle: str, reason: str, **facts: Any) -> None:
        if reason != "rotated":  # logging in changes the key
            self.ended.append((handle, reason))


@contextmanager
def opened(
    storage: Storage, settings: Any, monkeypatch: Any, kind: type[Office] = Office
) -> Iterator[Any]:
    """Yield an office on this storage. It cleans up by itself, without a transaction."""
    settings.ROOT_URLCONF = __name__
    install(storage, settings, monkeypatch)
    office = kind(storage)
    signals.session_ended.connect(office.note)
    # At level DEBUG, Django logs missing template variables with the whole context, and printing
    # that causes queries.
    templates = logging.getLogger("django.template")
    level = templates.level
    templates.setLevel(logging.INFO)
    try:
        yield office
    finally:
        templates.setLevel(level)
        signals.session_ended.disconnect(office.note)
        for model in (LogEntry, User.user_permissions.through, User):
            model._default_manager.all()._raw_delete(model._default_manager.db)


def session_url(handle: str, page: str = "change") -> str:
    return f"{PAGE}{quote(handle)}/{page}/"


def listed(response: Any) -> list[str]:
    """Return the handles that a list shows, in its order."""
    assert response.status_code == 200
    return [unquote(part) for part in LINK.findall(response.content.decode())]


def all_pages(browser: Client, query: str = "?") -> list[list[str]]:
    """Follow the links to the next page and return the handles of each page."""
    pages, response = [], browser.get(PAGE + query)
    while True:
        pages.append(listed(response))
        next_page = response.context["cl"].next_page
        if next_page is None:
            return pages
        assert next_page.replace("&", "&amp;") in response.content.decode()
        assert len(pages) < 100, "the list has no last page"
        response = browser.get(PAGE + next_page)


def found(browser: Client, text: str) -> set[str]:
    """Return the handles that a search finds."""
    return {*listed(browser.get(PAGE, {"q": text}))}


def words(response: Any) -> str:
    """Return the visible text of a page."""
    text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(text).split())


def own(browser: Client) -> str:
    """Return the handle of the browser's session."""
    return keys.hash_key(browser.cookies["sessionid"].value)


def is_logged_in(browser: Client) -> bool:
    return browser.get("/who/").content != b""


def told(response: Any) -> list[str]:
    """Return the messages that a page shows, or the page that a redirect has led to."""
    return [str(message) for message in response.context["messages"]]


def log_entries() -> list[tuple[str, str, int, str]]:
    """Return user name, object id, action flag and message of each entry of the admin log."""
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(e.user.username, e.object_id, e.action_flag, e.change_message) for e in entries]


def end_all_url() -> str:
    return reverse("admin:django_multisession_session_end_all")


def action_data(action: str, *handles: str, **data: Any) -> dict[str, Any]:
    """Return the form data of the list with these sessions selected.

    With ``post``, return the data of the confirmation page instead.
    """
    first = {} if "post" in data else {"index": "0"}
    return {"action": action, "_selected_action": [*handles], **first, **data}
