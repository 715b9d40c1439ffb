"""Sockets on real servers: disconnect codes, groups, and other servers and channel layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from support.demo_sites import Browser
from support.redis_servers import ALONE
from support.servers import wait_until
from support.sockets_servers import (
    Socket,
    Visits,
    all_closed,
    all_open,
    session_handle,
    site_on,
    visits,
)

PUBSUB = "pubsub.RedisPubSubChannelLayer"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with site_on("db", tmp_path_factory.mktemp("sockets")) as site, site.serve() as address:
        yield site, [address]


@pytest.fixture
def world(servers: Any) -> Iterator[Visits]:
    with visits(*servers) as world:
        yield world


def end(world: Visits, browser: Browser) -> None:
    world.log_in().open(f"/awaited/{session_handle(browser)}/")


@pytest.mark.quick
def test_a_socket_closes_when_its_session_ends(world: Visits) -> None:
    """The quick test; the others are marked thorough."""
    browser = world.log_in()
    socket, other = world.open(browser), world.open(world.log_in())
    end(world, browser)
    assert all_closed([socket]) == {4401}
    assert all_open([other])


class TestConsumers:
    @pytest.mark.parametrize("path", ["echo", "sync", "json"])
    def test_each_is_told_the_code(self, world: Visits, path: str) -> None:
        browser, before = world.log_in(), world.site.codes()
        socket = world.open(browser, path)
        end(world, browser)
        assert all_closed([socket]) == {4401}
        wait_until(lambda: world.site.codes() != before, "disconnect()")
        assert world.site.codes() == [*before, f"{path} 4401"]

    def test_a_subclass_says_which_code(self, world: Visits) -> None:
        browser = world.log_in()
        socket = world.open(browser, "own")
        end(world, browser)
        assert all_closed([socket]) == {4999}

    def test_one_that_answers_when_it_is_too_late_is_refused(self, world: Visits) -> None:
        """The session ends during the handshake; the close comes before or after the reply."""
        with pytest.raises((InvalidStatus, ConnectionClosedError)) as caught:
            world.open(world.log_in(), "slow")
        if isinstance(caught.value, InvalidStatus):
            assert caught.value.response.status_code == 403
        else:
            assert caught.value.rcvd.code == 4401

    @pytest.mark.parametrize("key", [None, "x" * 32, "../etc"])
    def test_whose_session_is_unknown_is_a_visitor(self, world: Visits, key: str | None) -> None:
        with Socket(world.addresses[0], key) as socket:
            world.log_in().open("/everybody/")
            assert socket.says("hi") == ": hi"

    @pytest.mark.parametrize("has_session", [True, False])
    def test_one_that_logs_in_itself(self, world: Visits, has_session: bool) -> None:
        """The socket stays open, and closes when the session of the login ends."""
        browser = Browser(world.addresses[0])
        if has_session:
            browser.open("/")
        socket = world.open(browser)
        world.log_in(name := f"in-a-socket-{has_session}")
        assert socket.says(f"login {name}") == f"{name}: login {name}"
        assert all_open([socket])
        Browser(world.addresses[0]).open(f"/of-user/{name}/")
        assert all_closed([socket]) == {4401}

    def test_what_is_rolled_back_is_not_told(self, world: Visits) -> None:
        browser = world.log_in()
        socket = world.open(browser)
        world.log_in().open(f"/rolled-back/{session_handle(browser)}/")
        assert all_open([socket])
        end(world, browser)
        assert all_closed([socket]) == {4401}


def members(group: str) -> set[str]:
    """Return the channels in this group, from Redis."""
    return {*ALONE.server.client.zrange(f"asgi:group:{group}", 0, -1)}


class TestGroups:
    def in_both(self, browser: Browser) -> tuple[str, str]:
        """Return the session's group and its channel, which is in the group of all sockets, too."""
        group = f"multisession.{session_handle(browser)}"
        wait_until(lambda: members(group), "joining the group of the session")
        (member,) = members(group)
        assert member in members("multisession")
        return group, member

    def wait_until_left(self, group: str, member: str) -> None:
        wait_until(lambda: not members(group), "leaving the group of the session")
        wait_until(lambda: member not in members("multisession"), "leaving that of all")

    def test_a_socket_leaves_them_when_the_client_goes(self, world: Visits) -> None:
        browser = world.log_in()
        with Socket(world.addresses[0], browser.key) as socket:
            socket.says("hi")
            joined = self.in_both(browser)
        self.wait_until_left(*joined)

    def test_a_socket_leaves_them_when_the_session_ends(self, world: Visits) -> None:
        world.open(browser := world.log_in())
        joined = self.in_both(browser)
        end(world, browser)
        self.wait_until_left(*joined)


@pytest.mark.parametrize(
    ("server", "more"),
    [("uvicorn", {"LAYER": PUBSUB}), ("daphne", {}), ("daphne", {"LAYER": PUBSUB})],
)
def test_other_servers_and_layers(servers: Any, server: str, more: dict[str, str]) -> None:
    site, _ = servers
    with ExitStack() as stack:
        addresses = [stack.enter_context(site.serve(server, **more)) for _ in range(2)]
        world = stack.enter_context(visits(site, addresses))
        browser, left = world.log_in(), world.open_everywhere(world.log_in(), "often")
        paths = ("echo", "sync", "json", "often")
        sockets = [socket for path in paths for socket in world.open_everywhere(browser, path)]
        assert all_open([*sockets, *left])
        end(world, browser)
        assert all_closed(sockets) == {4401}
        assert all_open(left)
