"""The costs of the public API: its round trips, and that no session data is transferred."""

from __future__ import annotations

import re

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_multisession import sessions
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import MOTO
from support.project import install, spoken
from support.subjects import DATABASES, STORAGES, dynamodb

pytestmark = pytest.mark.thorough

PAYLOAD = "data that no list needs"
SESSIONS = 10


class Trips:
    """The round trips to one kind of server, counted in a ``with`` block.

    ``count``: the number of round trips. ``received``: the text of the answers.
    """

    def __init__(self, storage):
        self.storage, self.count, self.received = storage, 0, ""


class SQL(Trips):
    """Statements. What they answer follows from the columns that they name."""

    def __enter__(self):
        self.captured = CaptureQueriesContext(connections[self.storage.database]).__enter__()

    def __exit__(self, *error):
        self.captured.__exit__(*error)
        sent = [query["sql"] for query in self.captured]
        self.count = len(sent)
        self.received = PAYLOAD if any(re.search(r"[`\"\s.,]data\b", sql) for sql in sent) else ""


class Redis(Trips):
    """Pipelines. They are counted where the storage sends them: the server counts commands only."""

    def __init__(self, storage, monkeypatch):
        super().__init__(storage)
        self.is_open = False
        blocking, awaited = storage.connection, storage.async_connection
        run_all, arun_all = blocking.run_all, awaited.run_all

        async def arun_all_and_record(calls):
            return self.record(await arun_all(calls), calls)

        monkeypatch.setattr(blocking, "run_all", lambda calls: self.record(run_all(calls), calls))
        monkeypatch.setattr(awaited, "run_all", arun_all_and_record)

    def record(self, answers, calls):
        self.count += self.is_open and bool(calls)
        self.received += str(answers) * self.is_open
        return answers

    def __enter__(self):
        self.is_open = True

    def __exit__(self, *error):
        self.is_open = False


class DynamoDB(Trips):
    """Requests, recorded by a proxy."""

    def __init__(self, storage, proxy):
        super().__init__(storage)
        self.proxy = proxy

    def __enter__(self):
        self.before = len(self.proxy.requests)
        self.proxy.strike(self.record, times=1000)

    def record(self, request, forward):
        answer = forward(request)
        self.received += answer.data.decode()
        return answer

    def __exit__(self, *error):
        self.count = len(self.proxy.requests) - self.before
        self.proxy.clear()


KINDS = ["sqlite", "postgres", "mariadb", "mysql", "redis", "cluster", "dynamodb"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def trips(kind, clock, request, monkeypatch):
    if kind == "dynamodb":
        with Proxy(MOTO) as proxy:
            yield DynamoDB(dynamodb(proxy)(clock), proxy)
    elif kind in DATABASES:
        request.getfixturevalue("databases")
        trips = SQL(STORAGES[kind](clock))
        yield trips
        trips.storage.clear()
    else:
        yield Redis(STORAGES[kind](clock), monkeypatch)


@pytest.fixture
def api(trips, dialect, settings, monkeypatch):
    """``sessions`` in the dialect. User 1 has ten sessions with data."""
    install(trips.storage, settings, monkeypatch)
    for number in range(SESSIONS):
        sessions.create(data={"_auth_user_id": "1", "note": PAYLOAD, "number": number})
    for api in spoken(sessions, trips.storage, dialect):
        api.count()  # connects
        yield api


FOR_USER = {"redis": 2, "cluster": 2, "dynamodb": 2}  # SQL: 1


def test_the_sessions_of_a_user(api, trips, kind):
    with trips:
        infos = api.for_user(1)
    assert len(infos) == SESSIONS
    assert trips.count <= FOR_USER.get(kind, 1)
    assert PAYLOAD not in trips.received


# SQL: 2 if it starts again from the first row. DynamoDB: 2, of which one describes the table.
SAMPLE = {"redis": 5, "cluster": 5}


@pytest.mark.parametrize("limit", [SESSIONS // 2, SESSIONS])
def test_a_sample(api, trips, kind, limit):
    with trips:
        infos, number = api.sample(limit)
    assert len(infos) == limit <= number
    assert trips.count <= SAMPLE.get(kind, 2)
    assert PAYLOAD not in trips.received


def test_one_session(api, trips):
    (handle, *_) = [info.handle for info in api.for_user(1)]
    with trips:
        assert api.get(handle) is not None
    assert trips.count == 1
    assert PAYLOAD not in trips.received or isinstance(trips, SQL)  # it names the column


def test_the_payload_is_received_if_it_is_read(api, trips):
    """Otherwise the tests above would prove nothing."""
    (info, *_) = api.for_user(1)
    with trips:
        assert info.data()["note"] == PAYLOAD
    assert trips.count == 1
    assert PAYLOAD in trips.received


def test_relabel(api, trips):
    (handle, *_) = [info.handle for info in api.for_user(1)]
    with trips:
        assert api.relabel(handle, "Kitchen")
    assert trips.count == 1
    assert PAYLOAD not in trips.received or isinstance(trips, SQL)  # it names the column


def test_log_out_everywhere_works_in_batches(api, trips):
    with trips:
        assert api.log_out_everywhere(1) == SESSIONS
    assert trips.count <= 6
    assert PAYLOAD not in trips.received
