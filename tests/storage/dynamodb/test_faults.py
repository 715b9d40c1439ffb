"""A DynamoDB server that goes down and comes back, and what users notice."""

from __future__ import annotations

from functools import partial

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support import visitors
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import Dynalite
from support.dynamodb_worlds import world
from support.outages import is_raised_by_every_method, logs_nobody_out
from support.project import store_on
from support.servers import running, wait_until
from support.subjects import dynamodb

pytestmark = pytest.mark.usefixtures("hurried")

RAISED = (ClientError, BotoCoreError)
OUTAGES = {
    "throttled": Proxy.throttle,
    "failing": Proxy.fail,
    "dropped": Proxy.drop,
    "expired": partial(Proxy.refuse, code="ExpiredTokenException"),
    "denied": partial(Proxy.refuse, code="AccessDeniedException"),
    "table gone": partial(Proxy.refuse, code="ResourceNotFoundException"),
    "conflicting": Proxy.conflict,
}


@pytest.fixture(scope="module")
def there():
    with world("moto") as there:
        yield there


@pytest.fixture(scope="module")
def dynalite():
    with running(Dynalite()) as server:
        yield server


class TestOutage:
    """An outage that a proxy simulates."""

    @pytest.fixture
    def storage(self, there):
        yield there.storage(seeds={})
        there.proxy.clear()

    @pytest.fixture(params=OUTAGES)
    def server(self, request, there):
        """A server that can be made to look killed."""
        there.kill = partial(OUTAGES[request.param], there.proxy, times=10_000)
        return there

    def test_logs_nobody_out(self, server, site):
        logs_nobody_out(site, server, server.proxy.clear)

    def test_is_raised_by_every_method(self, server, storage):
        is_raised_by_every_method(store_on(storage), server, server.proxy.clear, RAISED)


class TestKilled:
    """A dynalite that is killed. It keeps its data."""

    @pytest.fixture
    def server(self, dynalite):
        if dynalite.process.poll() is not None:  # a test failed while it was down
            dynalite.start()
        return dynalite

    @pytest.fixture
    def storage(self, server, clock):
        return dynamodb(server)(clock)

    def test_browsers_keep_their_cookies(self, server, site):
        logs_nobody_out(site, server, server.start)

    def test_every_method_of_a_session_raises_and_then_goes_on(self, server, storage):
        is_raised_by_every_method(store_on(storage), server, server.start, RAISED)

    def test_nobody_is_logged_out_and_no_save_is_lost(self, server, storage, monkeypatch):
        monkeypatch.setattr(visitors, "LOST", RAISED)
        with visitors.Load([store_on(storage)] * 4) as load:
            for _ in range(3):
                load.outlive(server)
            wait_until(lambda: load.failures or len(load.visitors) > 8, "new visitors")
        for visitor in load.visitors:
            visitor.recognise(visitor.store(visitor.key))
