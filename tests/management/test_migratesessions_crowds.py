"""`manage.py migratesessions` while users use the sessions that it moves."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

import pytest
from django.db import connections

from django_multisession import sessions
from django_multisession.backends.memory import SessionStore
from django_multisession.core import keys
from django_multisession.management import move_job
from django_multisession.session import SessionGone
from support import old_engines
from support.demo_sites import DEADLINE, Browser, redis, running_in
from support.migrate_command import Site, empty_redis, migrate
from support.project import install
from support.servers import free_port

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

KINDS = ["db", "cached_db", "file", "redis_sessions"]
SESSIONS, PEOPLE, PAUSE = 360, 6, 0.002
CLIENTS, THOUSANDS = 50, 4000


@pytest.fixture(params=KINDS)
def old(relations, request, memory_storage, settings, monkeypatch):
    settings.MULTISESSION_REFERENCES = {"user": "member"}
    install(memory_storage, settings, monkeypatch)
    monkeypatch.setattr(move_job, "SETTLED", 0.2)
    monkeypatch.setattr(move_job, "CHUNK", 20)
    yield from old_engines.opened(request.param, request)


some = pytest.mark.parametrize("old", ["db"], indirect=True)


class Person:
    """A user whose sessions are used as requests do it. Records errors in ``wrong``."""

    def __init__(self, name, keys):
        self.name, self.keys, self.ended, self.wrong = name, list(keys), [], []

    def run(self, over):
        try:
            while not over.is_set():
                for turn, key in enumerate(self.keys):
                    self.use(turn, key)
                    over.wait(PAUSE)  # otherwise the command would get no time
        finally:
            connections.close_all()

    def use(self, turn, key):
        holder = SessionStore(key)
        try:
            if holder.get("member") != self.name:
                self.wrong.append((key, dict(holder.items())))
            elif turn % 10 == 3:
                holder.cycle_key()
                holder.save()
                self.keys[turn] = holder.session_key
            else:
                holder["clicks"] = holder.get("clicks", 0) + 1
                holder.save()
        except SessionGone:
            self.wrong.append((key, "gone"))

    def leave(self):
        """Log out every second session."""
        for key in self.keys[1::2]:
            SessionStore(key).flush()
            self.ended.append(key)
        self.keys = self.keys[::2]


def people(old):
    made = [[old.keep(member=str(n)) for _ in range(SESSIONS // PEOPLE)] for n in range(PEOPLE)]
    return [Person(str(n), each) for n, each in enumerate(made)]


def test_nobody_is_logged_out_and_who_left_is(old, memory_storage):
    """Some users log out before the move, some sessions get a new key, and all are used."""
    everybody = people(old)
    for person in everybody[:2]:
        person.leave()
    over = threading.Event()
    with ThreadPoolExecutor(PEOPLE) as pool:
        running = [pool.submit(person.run, over) for person in everybody]
        try:
            outcome = migrate("--json", "--workers", "3")
        finally:
            over.set()
        assert [each.result() for each in running] == [None] * PEOPLE
    assert outcome.status == 0, outcome
    assert [person.wrong for person in everybody] == [[]] * PEOPLE
    assert old.source.count() == 0
    living = {keys.hash_key(key) for person in everybody for key in person.keys}
    assert {info.handle for info in sessions.all()} == living
    for person in everybody:
        assert not [key for key in person.ended if SessionStore(key).get("member")]
        assert all(SessionStore(key).get("member") == person.name for key in person.keys)


@some
def test_who_logs_out_everywhere_in_the_middle_stays_so(old, memory_storage, monkeypatch):
    """At that time some sessions of the user have been moved, and some have not."""
    everybody = people(old)
    insert, counted = memory_storage.insert, []

    def inserted(handle, record):
        counted.append(handle)
        if len(counted) == SESSIONS // 2:
            sessions.log_out_everywhere("1")
        return insert(handle, record)

    monkeypatch.setattr(memory_storage, "insert", inserted)
    outcome = migrate("--json")
    assert outcome.status == 0
    assert sessions.for_user("1") == []
    assert not [key for key in everybody[1].keys if SessionStore(key).get("member")]
    assert memory_storage.count() == SESSIONS - SESSIONS // PEOPLE
    assert old.source.count() == 0


@some
def test_it_moves_what_a_request_is_just_looking_for(old, memory_storage, monkeypatch):
    """The request has not found the session in the new engine, and will not in the previous one."""
    key = old.keep(member="1")
    source = memory_storage.read

    def read(handle, names=None):
        monkeypatch.setattr(memory_storage, "read", source)
        found = source(handle, names)
        migrate()
        return found

    monkeypatch.setattr(memory_storage, "read", read)
    assert SessionStore(key).get("member") == "1"


@some
def test_what_was_left_there_does_not_bring_back_what_was_ended(old, memory_storage):
    """A process had stored the session, and died before it deleted the source."""
    key = old.keep(member="1")
    memory_storage.insert(keys.hash_key(key), old.source.find(key))
    SessionStore(key).flush()
    assert "moved" not in migrate("--json").counts
    assert SessionStore(key).get("member") is None
    assert not old.has(key)


# Over HTTP


class Client:
    """A browser of a logged-in user who requests pages."""

    def __init__(self, site):
        self.browser, self.clicks, self.wrong = Browser(site), 0, []

    def click(self):
        try:
            answer = json.loads(self.browser.open("/api/visits/"))
        except HTTPError as error:
            answer = {"error": error.code}
        self.clicks += 1
        if answer != {"visits": self.clicks, "user": "ada"}:
            self.wrong.append((self.clicks, answer))

    def run(self, over):
        while not over.wait(0.2):
            self.click()


DJANGOS = {"db": dict, "cached_db": lambda: {"CACHED_DB": empty_redis()}}
TARGETS = {"db": lambda: {"SESSION_BACKEND": "db"}, "redis": lambda: redis(empty_redis())}


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "target"), [("db", "db"), ("cached_db", "redis")])
def test_users_stay_logged_in_through_http(tmp_path, kind, target):
    """Nobody is logged out, no change is lost, and no key changes."""
    cached, port = DJANGOS[kind](), free_port()
    clients = [Client(f"http://127.0.0.1:{port}") for _ in range(CLIENTS)]
    with running_in(tmp_path, {**cached, "SESSION_BACKEND": "django"}, port):
        for client in clients:
            client.browser.log_in("ada")
            client.browser.keys.clear()
            client.clicks = client.browser.texts[-1].count("<strong>1 time</strong>")
            client.click()
    site = Site(tmp_path, {**cached, **TARGETS[target]()})
    site.fill(THOUSANDS)
    with running_in(tmp_path, site.place, port), ThreadPoolExecutor(CLIENTS) as pool:
        over = threading.Event()
        running = [pool.submit(client.run, over) for client in clients]
        try:
            outcome, status = site.run()
            time.sleep(1)
        finally:
            over.set()
        assert [each.result(DEADLINE) for each in running] == [None] * CLIENTS
    assert status == 0, outcome
    assert [client.wrong for client in clients] == [[]] * CLIENTS
    assert [len(client.browser.keys) for client in clients] == [1] * CLIENTS
    assert site.left() == set()
    assert all(client.clicks > 2 for client in clients)
