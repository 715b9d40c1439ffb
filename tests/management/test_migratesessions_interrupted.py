"""`manage.py migratesessions` that is stopped or killed or loses a server, and is run again."""

from __future__ import annotations

import os
import signal
from threading import Lock

import pytest

from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.management import move_job
from django_multisession.storage.redis import RedisStorage
from support.demo_sites import DEADLINE, redis
from support.migrate_command import Site, empty_redis, migrate, place, records
from support.project import install
from support.redis_servers import Node
from support.servers import running, wait_until
from support.subjects import make_record

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

SESSIONS = 200
MANY = 5000
STOPPED = "Stopped early; run it again to continue."


class Countdown:
    """A wrapper that runs an action after a number of calls of a method."""

    def __init__(self, owner, name, number, call, monkeypatch):
        self.left, self.call, self.lock = number, call, Lock()
        self.method = getattr(owner, name)
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *args):
        answer = self.method(*args)
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.call()
        return answer


@pytest.fixture
def node():
    """A Redis that can be killed and keeps its data."""
    with running(Node("--appendonly", "yes", "--appendfsync", "always")) as node:
        yield node


@pytest.fixture
def source_storage(node, clock, monkeypatch):
    storage = RedisStorage(url=node.url, clock=clock)
    place("redis", storage, monkeypatch)
    return storage


@pytest.fixture
def target_storage(memory_storage, settings, monkeypatch):
    """The storage of a site whose previous engine is Redis."""
    monkeypatch.setattr(move_job, "SETTLED", 0.05)
    monkeypatch.setattr(move_job, "CHUNK", 5)
    install(memory_storage, settings, monkeypatch)
    settings.MULTISESSION_MIGRATE_FROM = ["django_multisession.backends.redis"]
    return memory_storage


def fill(storage, clock, number=SESSIONS):
    made = {}
    for n in range(number):
        handle = keys.hash_key(f"key {n}")
        made[handle] = make_record(clock, fields={"n": b"%d" % n}, references={"user": str(n % 9)})
        assert storage.insert(handle, made[handle])
    return made


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_what_is_under_way(
    target_storage, source_storage, clock, monkeypatch, number
):
    made = fill(source_storage, clock)
    handler = signal.getsignal(number)
    Countdown(target_storage, "insert", 20, lambda: os.kill(os.getpid(), number), monkeypatch)
    outcome = migrate("--json", "--workers", "2")
    assert (outcome.status, outcome.error) == (3, STOPPED)
    assert signal.getsignal(number) is handler
    here, there = records(target_storage), records(source_storage)
    assert len(here) == outcome.facts["moved"] < SESSIONS
    assert not here.keys() & there.keys()
    assert {**here, **there} == made
    assert migrate("--json").counts == {"moved": len(there)}
    assert records(target_storage) == made
    assert source_storage.count() == 0


def test_the_server_of_the_source_dies(target_storage, source_storage, node, clock, monkeypatch):
    made = fill(source_storage, clock)
    Countdown(target_storage, "insert", 50, node.kill, monkeypatch)
    outcome = migrate()
    assert outcome.status == 1
    assert outcome.error.startswith("django_multisession.backends.redis: ConnectionError: ")
    assert outcome.error.endswith(" Run it again to continue.")
    assert " sessions moved" in outcome.out
    assert 0 < target_storage.count() < SESSIONS
    node.start()
    assert {**records(target_storage), **records(source_storage)} == made
    again = migrate("--json")
    assert again.status == 0
    assert records(target_storage) == made
    assert source_storage.count() == 0


def test_the_server_of_the_target_dies(
    memory_storage, target_storage, source_storage, node, settings, clock
):
    settings.SESSION_ENGINE = "django_multisession.backends.redis"
    settings.MULTISESSION_MIGRATE_FROM = [memory.__name__]
    made = fill(memory_storage, clock)
    with pytest.MonkeyPatch.context() as patch:
        Countdown(memory_storage, "delete", 50, node.kill, patch)
        outcome = migrate()
    assert outcome.status == 1
    assert f"{memory.__name__}: ConnectionError: " in outcome.error
    node.start()
    assert {**records(source_storage), **records(memory_storage)} == made
    assert memory_storage.count() > 0
    assert migrate().status == 0
    assert records(source_storage) == made
    assert memory_storage.count() == 0


def test_no_server_at_all(target_storage, source_storage, node):
    node.kill()
    outcome = migrate()
    assert outcome.status == 1
    assert "ConnectionError" in outcome.error
    assert target_storage.count() == 0


# As a process


def on_redis(folder):
    """A demo on Redis, whose previous engine is Django's, in an SQLite file."""
    return Site(folder, redis(empty_redis()))


def numbers(site):
    """Return handle -> number of the sessions in Redis."""
    storage = RedisStorage(url=site.place["MULTISESSION_REDIS_URL"])
    return {handle: int(record.fields["n"]) for handle, record in records(storage).items()}


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_ended_in_the_middle(tmp_path, number):
    """No session is lost, and in the end none is in both engines."""
    site = on_redis(tmp_path)
    made = site.fill(MANY)
    with site.start("migratesessions") as process:
        wait_until(lambda: len(site.left()) < MANY - 300 or process.poll() is not None, "some")
        process.send_signal(number)
        outcome = process.communicate(timeout=DEADLINE)[0]
    if number == signal.SIGTERM:
        assert process.returncode == 3, outcome
        assert f"CommandError: {STOPPED}" in outcome
    left, here = site.left(), numbers(site)
    assert 0 < len(left) < MANY
    assert {keys.hash_key(key) for key in made} == {*here, *map(keys.hash_key, left)}
    outcome, status = site.run()
    assert status == 0, outcome
    assert site.left() == set()
    assert numbers(site) == {keys.hash_key(key): n for key, n in made.items()}
    assert "0 sessions moved." in site.run()[0]


@pytest.mark.thorough
def test_memory_does_not_grow_with_their_number(tmp_path):
    """Compares the peak memory of processes, by the kernel's count."""
    sizes = []
    for number in (1000, 12_000):
        (tmp_path / str(number)).mkdir()
        site = on_redis(tmp_path / str(number))
        site.fill(number)
        sizes.append(peak(site))
        assert site.left() == set()
    few, many = sizes
    assert many < few * 1.15


def peak(site):
    """Return the peak memory, in KB."""
    with site.start("migratesessions") as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.stdout.read()
    return usage.ru_maxrss
