"""Sockets on several servers close at once when their session ends, in whatever way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from support.demo_sites import Browser
from support.sockets_servers import (
    Site,
    Visits,
    all_closed,
    all_open,
    session_handle,
    site_on,
    visits,
)

pytestmark = pytest.mark.thorough  # starts servers and takes seconds

ENDED = {4401}

# Ways to end one session: by another browser of the same user, or in another process.
ONE: dict[str, Callable[[Visits, Browser, Browser], Any]] = {
    "device": lambda _, other, victim: other.submit("/", f"/devices/{session_handle(victim)}/end/"),
    "others": lambda _, other, victim: other.submit("/", "/devices/end-others/"),
    "logout": lambda _, other, victim: victim.submit("/", "/logout/"),
    "awaited": lambda _, other, victim: other.open(f"/awaited/{session_handle(victim)}/"),
    "command": lambda visits, other, victim: visits.site.manage(
        "endsessions", "--yes", "--handle", session_handle(victim)
    ),
    "admin": lambda visits, other, victim: visits.log_in("admin").submit(
        "/", f"/admin/django_multisession/session/{session_handle(victim)}/delete/", post="End"
    ),
}
# Ways to end all sessions of a user.
USER: dict[str, Callable[[Visits, str], Any]] = {
    "everywhere": lambda visits, name: Browser(visits.addresses[1]).open(f"/of-user/{name}/"),
    "deactivated": lambda visits, name: Browser(visits.addresses[0]).open(f"/deactivate/{name}/"),
    "command": lambda visits, name: visits.site.manage("endsessions", "--yes", "--user", name),
}
# Ways to end all sessions.
EVERYBODY: dict[str, Callable[[Visits], Any]] = {
    "page": lambda visits: Browser(visits.addresses[1]).open("/everybody/"),
    "command": lambda visits: visits.site.manage("endsessions", "--yes", "--all"),
}


@pytest.fixture(scope="module", params=["db", "postgres", "redis", "dynamodb"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, list[str]]]:
    """Serve a site with two processes."""
    with ExitStack() as stack:
        site = stack.enter_context(site_on(request.param, tmp_path_factory.mktemp("sockets")))
        yield site, [stack.enter_context(site.serve()) for _ in range(2)]


@pytest.fixture
def world(servers: Any) -> Iterator[Visits]:
    with visits(*servers) as world:
        yield world


@pytest.mark.parametrize("way", ONE)
def test_one_session_ends(world: Visits, way: str) -> None:
    name = str(uuid4())
    victim, other, stranger = world.log_in(name), world.log_in(name), world.log_in()
    ended = [*world.open_everywhere(victim), *world.open_everywhere(victim, "json")]
    left = [socket for each in (other, stranger, None) for socket in world.open_everywhere(each)]
    ONE[way](world, other, victim)
    assert all_closed(ended) == ENDED
    assert all_open(left)


@pytest.mark.parametrize("way", USER)
def test_all_sessions_of_a_user_end(world: Visits, way: str) -> None:
    name = str(uuid4())
    browsers = [world.log_in(name), world.log_in(name)]
    ended = [socket for each in browsers for socket in world.open_everywhere(each)]
    left = [socket for each in (world.log_in(), None) for socket in world.open_everywhere(each)]
    USER[way](world, name)
    assert all_closed(ended) == ENDED
    assert all_open(left)


@pytest.mark.parametrize("way", EVERYBODY)
def test_all_sessions_of_everybody_end(world: Visits, way: str) -> None:
    browsers = [world.log_in(), world.log_in()]
    ended = [socket for each in browsers for socket in world.open_everywhere(each, "sync")]
    visitors = world.open_everywhere(None)
    EVERYBODY[way](world)
    assert all_closed(ended) == ENDED
    assert all_open(visitors)


def test_a_new_password(world: Visits) -> None:
    """The session that changes the password gets a new key, so its sockets close, too."""
    name, new = str(uuid4()), ["new_password1", "new_password2"]
    victim, other, stranger = world.log_in(name), world.log_in(name), world.log_in()
    ended = [*world.open_everywhere(victim), *world.open_everywhere(other)]
    left = world.open_everywhere(stranger)
    passwords = dict.fromkeys(new, "Tea-and-scones")
    other.submit("/password/", "/password/", old_password="demo", **passwords)
    assert all_closed(ended) == ENDED
    assert all_open([*left, *world.open_everywhere(other)])


def test_a_session_that_a_login_gave_a_new_key(world: Visits) -> None:
    """A login gives the session a new key, so sockets opened before it close."""
    browser = Browser(world.addresses[0])
    browser.open("/")
    sockets = world.open_everywhere(browser)
    assert sockets[0].says("hi") == ": hi"
    browser.open(f"/enter/{(name := str(uuid4()))}/")
    assert all_closed(sockets) == ENDED
    assert [each.says("hi") for each in world.open_everywhere(browser)] == [f"{name}: hi"] * 2


def test_a_session_that_just_expires(world: Visits) -> None:
    browser = world.log_in()
    browser.open("/expire/2/")
    sockets, left = world.open_everywhere(browser), world.open_everywhere(world.log_in())
    assert all_closed(sockets, within=3) == ENDED
    assert all_open(left)


def test_a_session_that_ends_behind_everybodys_back(world: Visits) -> None:
    """A session deleted without a signal is noticed by the periodic check."""
    browser = world.log_in()
    sockets, left = world.open_everywhere(browser, "often"), world.open(world.log_in(), "often")
    browser.open(f"/untold/{session_handle(browser)}/")
    assert all_closed(sockets) == ENDED
    assert all_open([left])


def test_what_a_transaction_did_is_told_once_it_is_committed(world: Visits) -> None:
    victim, other = world.log_in(), world.log_in()
    sockets = world.open_everywhere(victim)
    other.open(f"/committed/{session_handle(victim)}/")
    assert all_closed(sockets) == ENDED
