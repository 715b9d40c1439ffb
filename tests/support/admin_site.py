"""A site whose admin has the session browser, and those who work with it."""

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
MARKUP = "<b>&\"'{{ 7 }}%s"  # what may not get into a page as it is

# What is done to sessions that are selected in the list, and that one's own is meant, too.
END, EVERYWHERE = "delete_selected", "log_out_everywhere"
BOTH = pytest.mark.parametrize("action", [END, EVERYWHERE])
OWN = {"post": "End", "own": "on"}

# What the list shows of a session is a link, which holds its handle.
LINK = re.compile(rf'class="field-device"><a href="{PAGE}([^/]+)/change/')


def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("admin/", admin.site.urls), path("who/", who)]


class Office:
    """An administrator's browser, and whatever there is for it to see."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.clock = storage, storage.clock
        self.ended: list[tuple[str, str]] = []  # handle, reason
        self.factory = RequestFactory()

    def user(self, name: str, **facts: Any) -> Any:
        return get_user_model()._default_manager.create_user(name, password="demo", **facts)

    def staff(self, name: str, *permissions: str) -> Any:
        """Somebody who may do this in the admin, and nothing else."""
        user = self.user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        assert user.user_permissions.count() == len(permissions)
        return user

    def browser(self, user: Any = None, **options: Any) -> Client:
        """Where the user is logged in, a second after whatever was before."""
        self.clock.advance(seconds=1)
        browser = Client(HTTP_USER_AGENT=FIREFOX, **options)
        if user is not None:
            browser.force_login(user)
        return browser

    def root(self) -> Client:
        """A superuser's."""
        return self.browser(self.user("root", is_staff=True, is_superuser=True))

    def add(
        self, user: Any = None, *, ip: str = "192.0.2.1", agent: str = FIREFOX, **facts: Any
    ) -> str:
        """The handle of a new session, a second younger than the one before."""
        self.clock.advance(seconds=1)
        request = self.factory.get("/", REMOTE_ADDR=ip, HTTP_USER_AGENT=agent)
        holder = sessions.create(user, request=request, **facts)
        assert holder.handle is not None
        return holder.handle

    def several(self, number: int, **facts: Any) -> list[str]:
        """The youngest one first, as they are listed."""
        return [self.add(**facts) for _ in range(number)][::-1]

    def is_there(self, handle: str) -> bool:
        return sessions.get(handle) is not None

    def reasons(self) -> dict[str, str]:
        """Handle -> why it ended."""
        return dict(self.ended)

    def note(self, sender: type, handle: str, reason: str, **facts: Any) -> None:
        if reason != "rotated":  # by logging in
            self.ended.append((handle, reason))


@contextmanager
def opened(
    storage: Storage, settings: Any, monkeypatch: Any, kind: type[Office] = Office
) -> Iterator[Any]:
    """For a fixture, on databases without transactions."""
    settings.ROOT_URLCONF = __name__
    install(storage, settings, monkeypatch)
    it = kind(storage)
    signals.session_ended.connect(it.note)
    # What the admin's templates lack it tells with all they have, and asks the database for it.
    templates = logging.getLogger("django.template")
    level = templates.level
    templates.setLevel(logging.INFO)
    try:
        yield it
    finally:
        templates.setLevel(level)
        signals.session_ended.disconnect(it.note)
        for model in (LogEntry, User.user_permissions.through, User):
            model._default_manager.all()._raw_delete(model._default_manager.db)


def page_of(handle: str, page: str = "change") -> str:
    return f"{PAGE}{quote(handle)}/{page}/"


def listed(response: Any) -> list[str]:
    """The handles that a list shows, in its order."""
    assert response.status_code == 200
    return [unquote(each) for each in LINK.findall(response.content.decode())]


def all_pages(browser: Client, query: str = "?") -> list[list[str]]:
    """The handles of each page, from link to link."""
    pages, response = [], browser.get(PAGE + query)
    while True:
        pages.append(listed(response))
        next_page = response.context["cl"].next_page
        if next_page is None:
            return pages
        assert next_page.replace("&", "&amp;") in response.content.decode()
        assert len(pages) < 100, "it never ends"
        response = browser.get(PAGE + next_page)


def found(browser: Client, text: str) -> set[str]:
    """The handles that a search finds."""
    return {*listed(browser.get(PAGE, {"q": text}))}


def words(response: Any) -> str:
    """A page as it is read."""
    text = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", response.content.decode())
    return " ".join(unescape(text).split())


def own(browser: Client) -> str:
    """The handle of its session."""
    return keys.hash_key(browser.cookies["sessionid"].value)


def is_logged_in(browser: Client) -> bool:
    return browser.get("/who/").content != b""


def told(response: Any) -> list[str]:
    """The messages of the admin that a page shows, or that a redirect leads to."""
    return [str(message) for message in response.context["messages"]]


def log() -> list[tuple[str, str, int, str]]:
    """Whatever the admin has noted: who, of what, which kind, in which words."""
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(e.user.username, e.object_id, e.action_flag, e.change_message) for e in entries]


def end_all_page() -> str:
    return reverse("admin:django_multisession_session_end_all")


def selected(action: str, *handles: str, **data: Any) -> dict[str, Any]:
    """What the list sends where these are selected; with post="yes", what the page that asks
    sends back."""
    first = {} if "post" in data else {"index": "0"}
    return {"action": action, "_selected_action": [*handles], **first, **data}
