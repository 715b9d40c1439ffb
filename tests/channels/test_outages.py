"""Outages of the session server and of the channel layer.

Sockets of live sessions stay open, and sockets of ended sessions close after the outage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.demo_sites import redis
from support.redis_servers import ALONE, Node
from support.servers import running, wait_until
from support.sockets_servers import Site, Visits, all_closed, all_open, session_handle

pytestmark = pytest.mark.thorough

PUBSUB = {"LAYER": "pubsub.RedisPubSubChannelLayer"}
ENDED = {4401}


@pytest.fixture
def store() -> Iterator[Node]:
    """Run a Redis that keeps its data when it is killed."""
    with running(Node("--appendonly", "yes", "--appendfsync", "always")) as node:
        yield node


@pytest.fixture
def layer() -> Iterator[Node]:
    with running(Node()) as node:
        yield node


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def world_of(stack: ExitStack, site: Site, **more: str) -> Visits:
    addresses = [stack.enter_context(site.serve(**more)) for _ in range(2)]
    return Visits(site, addresses, stack)


class TestOfSessions:
    @pytest.fixture
    def world(self, tmp_path: Path, store: Node, stack: ExitStack) -> Visits:
        return world_of(stack, Site(tmp_path, redis(store.url), ALONE.url))

    def test_nothing_closes_and_it_goes_on_afterwards(self, world: Visits, store: Node) -> None:
        browser = world.log_in()
        sockets = world.open_everywhere(browser, "often")
        handle = session_handle(browser)
        store.kill()
        wait_until(lambda: world.site.logged.count("cannot be read") > 3, "a look in vain")
        assert all_open(sockets)
        store.start()
        assert all_open(sockets)
        world.log_in().open(f"/awaited/{handle}/")
        assert all_closed(sockets) == ENDED

    def test_a_session_that_got_lost_meanwhile(self, world: Visits, store: Node) -> None:
        sockets = world.open_everywhere(world.log_in(), "often")
        store.client.flushall()
        assert all_closed(sockets) == ENDED


class TestOfTheLayer:
    @pytest.fixture
    def site(self, tmp_path: Path, layer: Node) -> Site:
        return Site(tmp_path, {"SESSION_BACKEND": "db"}, layer.url)

    def test_requests_end_sessions_all_the_same(
        self, site: Site, layer: Node, stack: ExitStack
    ) -> None:
        world = world_of(stack, site)
        browser = world.log_in()
        handle = session_handle(browser)
        layer.kill()
        other = world.log_in()
        assert other.open(f"/awaited/{handle}/") == '{"ended": true}'
        assert other.open("/everybody/").startswith('{"ended": ')
        assert browser.session()["handle"] is None
        assert "Error calling session_ended in Signal.send_robust()" in site.logged
        assert "Error calling sessions_cleared in Signal.send_robust()" in site.logged

    def test_who_looks_often_sees_it(self, site: Site, layer: Node, stack: ExitStack) -> None:
        """The periodic check works without the layer. Only with this one do consumers survive."""
        world = world_of(stack, site, **PUBSUB)
        browser = world.log_in()
        sockets, left = world.open_everywhere(browser, "often"), world.open(world.log_in(), "often")
        handle = session_handle(browser)
        layer.kill()
        world.log_in().open(f"/awaited/{handle}/")
        assert all_closed(sockets, within=2) == ENDED
        assert all_open([left])
        assert "Traceback" in site.logged

    def test_it_is_told_again_once_the_layer_is_back(
        self, site: Site, layer: Node, stack: ExitStack
    ) -> None:
        world = world_of(stack, site, **PUBSUB)
        browser = world.log_in()
        sockets, left = world.open_everywhere(browser, "often"), world.open(world.log_in(), "often")
        layer.kill()
        wait_until(lambda: "Traceback" in site.logged, "noticing it")
        assert all_open(sockets)
        layer.start()
        world.log_in().open(f"/awaited/{session_handle(browser)}/")
        assert all_closed(sockets) == ENDED
        assert all_open([left])


# disconnect() returns whether the receiver was connected.
RECEIVERS = (
    "from django_multisession import signals;"
    "print(signals.session_ended.disconnect(dispatch_uid='multisession_sockets'))"
)


@pytest.mark.parametrize(("layer", "connects"), [("", "False"), ("redis://127.0.0.1:1", "True")])
def test_only_a_project_with_a_layer_tells(tmp_path: Path, layer: str, connects: str) -> None:
    """No receiver is connected in a project without a layer."""
    site = Site(tmp_path, {"SESSION_BACKEND": "memory"}, layer)
    assert site.manage("shell", "--no-imports", "-c", RECEIVERS).strip() == connects


def test_without_a_layer_a_socket_is_refused(tmp_path: Path, stack: ExitStack) -> None:
    """The log says which setting is missing."""
    site = Site(tmp_path, {"SESSION_BACKEND": "db"}, "")
    world = world_of(stack, site)
    with pytest.raises(Exception, match="500"):
        world.open(world.log_in())
    assert "set CHANNEL_LAYERS" in site.logged
