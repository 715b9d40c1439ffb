"""Tests of the round trips that RedisStorage promises, counted by the server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.storage.redis import commands
from support import redis_servers
from support.project import store_on
from support.prune_processes import id_of
from support.subjects import STORAGES, Clock, make_record

A, B, C = "A" * 43, "B" * 43, "C" * 43  # in different buckets, and on a cluster in different slots
USER = {"user": "1"}
SCRIPTS = [value for value in vars(commands).values() if isinstance(value, commands.Script)]


class Counted:
    """A storage, and the server that counts the commands it receives."""

    def __init__(self, kind, server):
        self.clock, self.server = Clock(), server
        self.storage = STORAGES[kind](self.clock)
        for node in server.nodes:
            for script in SCRIPTS:
                node.client.script_load(script.source)
        self.insert(C)  # connects; the client of a cluster asks once for the list of commands
        self.storage.delete(C)

    def insert(self, id, **facts):
        return self.storage.insert(id, make_record(self.clock, **facts))

    def fill(self, sessions):
        for number in range(sessions):
            self.insert(id_of(number))

    def __call__(self, operation):
        return dict(self.server.calls(operation))


@pytest.fixture(params=["redis", "alias", "sentinel"])
def alone(request):
    """A server, not a cluster: one script reaches all keys."""
    redis_servers.SENTINEL.url, redis_servers.ALONE.url  # starts them
    sentinel = redis_servers.SENTINEL.server.primary
    server = sentinel if request.param == "sentinel" else redis_servers.ALONE.server
    return Counted(request.param, server)


@pytest.fixture
def cluster():
    redis_servers.CLUSTER.url  # starts it
    return Counted("cluster", redis_servers.CLUSTER.server)


def test_one_session_is_one_call(alone):
    storage, change = alone.storage, Change(last_seen_at=alone.clock.now)
    assert alone(lambda: alone.insert(A, references={"user": "1", "org": "7"})) == {"EVALSHA": 1}
    assert alone(lambda: storage.read(A)) == {"HGETALL": 1}
    assert alone(lambda: storage.read(A, ["a"])) == {"HMGET": 1}
    assert alone(lambda: storage.update(A, change)) == {"EVALSHA": 1}
    assert alone(lambda: storage.update(A, Change(references={"user": "2"}))) == {"EVALSHA": 1}
    assert alone(lambda: storage.rename(A, B, Change(references=USER))) == {"EVALSHA": 1}
    assert alone(lambda: storage.delete(B)) == {"EVALSHA": 1}


def test_on_a_cluster_only_references_take_more(cluster):
    costs = [cluster(operation) for operation in cycle(cluster)]
    assert costs == [
        {"EVALSHA": 1},  # an anonymous session
        {"HGETALL": 1},
        {"EVALSHA": 1},  # a save
        {"HGETALL": 1, "EVALSHA": 2},  # a new id: copied, and the old one ended
        {"EVALSHA": 1},
        {"EVALSHA": 2},  # a login: the index, and the session
        {"EVALSHA": 1, "ZREM": 1},  # a logout
        {"EVALSHA": 1},
        {"EVALSHA": 3},  # a new reference: refused, then the index, and the session
        {"EVALSHA": 1, "ZREM": 1},
    ]


def cycle(counted):
    storage, now = counted.storage, counted.clock.now
    return [
        lambda: counted.insert(A),
        lambda: storage.read(A),
        lambda: storage.update(A, Change(last_seen_at=now, set={"a": b"1"})),
        lambda: storage.rename(A, B, Change()),
        lambda: storage.delete(B),
        lambda: counted.insert(A, references=USER),
        lambda: storage.delete(A),
        lambda: counted.insert(A),
        lambda: storage.update(A, Change(references=USER)),
        lambda: storage.delete(A),
    ]


@pytest.mark.parametrize("sessions", [1, 10, 1500])
def test_ending_the_sessions_of_a_user_is_by_batches(alone, sessions):
    for number in range(sessions):
        alone.insert(f"{number:043}", references=USER)
    sent = alone(lambda: list(alone.storage.delete_matching("user", "1")))
    batches = 1 + sessions // commands.SCAN_COUNT
    assert sent.keys() == {"EVALSHA", "ZSCAN"}
    assert sent["EVALSHA"] <= batches
    assert sent["ZSCAN"] <= batches + 1  # the last scan finds nothing new


def test_finding_is_two_round_trips(cluster, monkeypatch):
    for number in range(10):
        cluster.insert(f"{number:02}" + "-" * 41, references=USER)
    trips = round_trips(cluster.storage, monkeypatch)
    assert len(list(cluster.storage.find("user", "1"))) == 10
    assert trips == ["ZSCAN", "HMGET"]


@pytest.mark.parametrize("sessions", [0, 5, 300])
def test_a_page_is_five_round_trips_at_most(alone, monkeypatch, sessions):
    alone.fill(sessions)
    trips = round_trips(alone.storage, monkeypatch)
    for limit in (1, 20, 100):
        trips.clear()
        alone.storage.page(None, limit)
        assert len(trips) <= 5


@pytest.mark.parametrize("sessions", [0, 5, 300])
def test_a_sample_is_five_round_trips_at_most(alone, monkeypatch, sessions):
    alone.fill(sessions)
    trips = round_trips(alone.storage, monkeypatch)
    for limit in (1, 20, 100):
        trips.clear()
        entries, _ = alone.storage.sample(limit)
        assert len(entries) == min(limit, sessions)
        assert len(trips) <= 5
        assert {*trips} <= {"ZRANGEBYSCORE", "HMGET"}


def test_what_only_the_index_knows_is_not_sampled(alone):
    """The server deletes an expired session before its entry is removed from the bucket."""
    for id in (A, B):
        alone.insert(id)
    alone.storage.topology.client().delete(alone.storage.keys.session(A))
    entries, number = alone.storage.sample()
    assert ([id for id, _ in entries], number) == ([B], 1)
    entries, number = alone.storage.sample(1)  # reads one of the two, perhaps the deleted one
    assert len(entries) <= 1 <= number


@pytest.mark.parametrize("expired_only", [False, True])
def test_counting_is_four_round_trips(alone, monkeypatch, expired_only):
    trips = round_trips(alone.storage, monkeypatch)
    alone.storage.count(expired_only)
    assert trips == ["ZCOUNT"] * 4


def test_a_lease_is_one_call(alone):
    assert_a_lease_is_one_call(alone)


def test_a_lease_is_one_call_on_a_cluster(cluster):
    assert_a_lease_is_one_call(cluster)


def assert_a_lease_is_one_call(counted):
    """Check a new lease, one that another owner has, a renewed one and one that is given back."""
    name, storage, now = keys.new_handle(), counted.storage, counted.clock.now
    soon = now + timedelta(minutes=1)
    for owner, until in [("ann", soon), ("bob", soon), ("ann", soon), ("ann", now)]:
        assert counted(lambda: storage.acquire_lease(name, owner, until)) == {"EVALSHA": 1}


@pytest.mark.parametrize("number", [0, 1, 7, 300])
def test_to_ask_for_leases_is_one_round_trip(cluster, alone, monkeypatch, number):
    names = [keys.new_handle() for _ in range(number)]
    for counted in (alone, cluster):
        trips = round_trips(counted.storage, monkeypatch)
        assert counted(lambda: counted.storage.active_leases(names)) == (
            {"GET": number} if number else {}
        )
        assert trips == ["GET"] * bool(number)


def round_trips(storage, monkeypatch):
    """Return a list that receives the name of the first command of each round trip."""
    trips, connection = [], storage.connection
    run_all = connection.run_all  # a single command goes through it, too

    def note(commands):
        trips.extend(command.words[0] for command in commands[:1])
        return run_all(commands)

    monkeypatch.setattr(connection, "run_all", note)
    return trips


def test_what_people_do_through_the_engine(alone):
    store = store_on(alone.storage)
    holder = store()
    holder["cart"] = [1]
    holder.save()

    def save():
        holder["n"] = 1
        holder.save()

    def log_in():
        nonlocal holder
        again = store(holder.session_key)
        again.cycle_key()
        again["_auth_user_id"] = "1"
        again.save()
        holder = again

    assert alone(lambda: store(holder.session_key).load()) == {"HGETALL": 1}
    assert alone(save) == {"EVALSHA": 1}
    assert alone(holder.touch) == {"EVALSHA": 1}
    assert alone(holder.cycle_key) == {"EVALSHA": 1}
    assert sum(alone(log_in).values()) <= 3
    assert alone(lambda: store(holder.session_key).flush()) == {"EVALSHA": 1}
