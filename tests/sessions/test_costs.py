"""What the public API costs: round trips, and no payload among what travels."""

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

PAYLOAD = "what no listing has any use for"
SESSIONS = 10


class Trips:
    """Of one kind: a ``with`` block in which `count` goes up, and `heard` is what servers said."""

    def __init__(self, storage):
        self.storage, self.count, self.heard = storage, 0, ""


class SQL(Trips):
    def __enter__(self):
        self.captured = CaptureQueriesContext(connections[self.storage.database]).__enter__()

    def __exit__(self, *error):
        self.captured.__exit__(*error)
        sent = [query["sql"] for query in self.captured]
        self.count = len(sent)
        self.heard = PAYLOAD if any(re.search(r"[`\"\s.,]data\b", sql) for sql in sent) else ""


class Redis(Trips):
    def __init__(self, storage, monkeypatch):
        super().__init__(storage)
        self.is_open, link, alink = False, storage._connection, storage._async_connection
        ask, aask = link.run_all, alink.run_all
        monkeypatch.setattr(link, "run_all", lambda calls: self.note(ask(calls), calls))

        async def note(calls):
            return self.note(await aask(calls), calls)

        monkeypatch.setattr(alink, "run_all", note)

    def note(self, answers, calls):
        self.count += self.is_open and bool(calls)
        self.heard += str(answers) * self.is_open
        return answers

    def __enter__(self):
        self.is_open = True

    def __exit__(self, *error):
        self.is_open = False


class DynamoDB(Trips):
    def __init__(self, storage, proxy):
        super().__init__(storage)
        self.proxy = proxy

    def __enter__(self):
        self.before = len(self.proxy.requests)
        self.proxy.strike(self.note, times=1000)

    def note(self, request, forward):
        answer = forward(request)
        self.heard += answer.data.decode()
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
    """``sessions``, in the dialect; somebody has ten, with much in them."""
    install(trips.storage, settings, monkeypatch)
    for number in range(SESSIONS):
        sessions.create(data={"_auth_user_id": "1", "note": PAYLOAD, "number": number})
    for each in spoken(sessions, trips.storage, dialect):
        each.count()  # connects
        yield each


FOR_USER = {"redis": 2, "cluster": 2, "dynamodb": 2}  # SQL: 1


def test_the_sessions_of_a_user(api, trips, kind):
    with trips:
        found = api.for_user(1)
    assert len(found) == SESSIONS
    assert trips.count <= FOR_USER.get(kind, 1)
    assert PAYLOAD not in trips.heard


SAMPLE = {"redis": 5, "cluster": 5}  # SQL: 2 where it wraps; DynamoDB: 2 to learn of the table


@pytest.mark.parametrize("limit", [SESSIONS // 2, SESSIONS])
def test_a_sample(api, trips, kind, limit):
    with trips:
        found, number = api.sample(limit)
    assert len(found) == limit <= number
    assert trips.count <= SAMPLE.get(kind, 2)
    assert PAYLOAD not in trips.heard


def test_one_session(api, trips):
    (handle, *_) = [info.handle for info in api.for_user(1)]
    with trips:
        assert api.get(handle) is not None
    assert trips.count == 1
    assert PAYLOAD not in trips.heard or isinstance(trips, SQL)  # asks for no field by its name


def test_what_is_heard_is_the_payload_where_it_is_read(api, trips):
    """Or the tests above would see nothing."""
    (info, *_) = api.for_user(1)
    with trips:
        assert info.data()["note"] == PAYLOAD
    assert trips.count == 1
    assert PAYLOAD in trips.heard


def test_another_name(api, trips):
    (handle, *_) = [info.handle for info in api.for_user(1)]
    with trips:
        assert api.relabel(handle, "Kitchen")
    assert trips.count == 1
    assert PAYLOAD not in trips.heard or isinstance(trips, SQL)  # asks for no field by its name


def test_to_log_out_everywhere_is_by_batches(api, trips):
    with trips:
        assert api.log_out_everywhere(1) == SESSIONS
    assert trips.count <= 6
    assert PAYLOAD not in trips.heard
