"""Workers that log one user in, save, change references, rotate keys and log out.

They run in threads of this process or of others and return what they did as `Deed`s. The times in
them can be compared, because time.monotonic() is one clock for all processes of a machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from random import Random
from typing import Any, NamedTuple

import django
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.db import connections
from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_multisession.session import SessionGone, SessionStore
from support import servers  # noqa: F401 - with it PyMySQL stands in for MySQLdb

USER = "1"
ORGS = ("1", "2", None)
REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Deed(NamedTuple):
    """An action of a worker on a session, with its time and its result."""

    label: str  # of the session, whatever its keys
    action: str
    begun: float
    done: float
    worked: bool  # False: the session was gone
    handle: str | None  # afterwards; None if it was logged out or gone
    references: Mapping[str, str]  # afterwards


def somebody() -> Any:
    """Return the user, without a database."""
    user = get_user_model()(pk=int(USER), username="ada", password="unusable")
    user._state.adding = False  # as if it were stored
    user.backend = MODEL_BACKEND
    user.save = lambda **fields: None  # Django's login() saves the time of the login
    return user


class Life:
    """One session, from its login to its end.

    Each action is a request that either reads the session or continues with an older read.
    """

    def __init__(self, store: type[SessionStore], label: str, pause: float) -> None:
        """Begin a life. ``pause`` is the longest time between two requests, in seconds."""
        self.store, self.label, self.pause, self.random = store, label, pause, Random()
        self.holder, self.org, self.n = store(), None, 0
        self.deeds: list[Deed] = []

    def run(self, is_over: Callable[[], bool]) -> list[Deed]:
        self.do(Life.log_in, self.holder)
        while self.holder.session_key and not is_over():
            time.sleep(self.random.random() * self.pause)
            is_fresh = self.random.random() < 0.5
            holder = self.store(self.holder.session_key) if is_fresh else self.holder
            if not self.do(self.random.choice(ACTIONS), holder):
                self.do(Life.save, self.holder)  # of a request that has not heard of it
                break
        return self.deeds

    def do(self, action: Callable[[Life, SessionStore], object], holder: SessionStore) -> bool:
        begun = time.monotonic()
        try:
            worked = self.is_there(holder) and action(self, holder) is not False
        except SessionGone:
            worked = False
        done = time.monotonic()
        if worked:
            self.holder = holder
        references = self.references() if holder.session_key else {}
        facts = (worked, holder.handle, references)
        self.deeds.append(Deed(self.label, action.__name__, begun, done, *facts))
        return worked

    def is_there(self, holder: SessionStore) -> bool:
        if holder is self.holder:
            return True  # as of when it was read
        number = holder.get("n")
        assert number in (None, self.n), f"{self.label} lost a save: {number}, not {self.n}"
        return number is not None

    def references(self) -> dict[str, str]:
        return {"user": USER} | ({"org": self.org} if self.org else {})

    # Actions. Each sends a request to the server, so that the state afterwards is known.

    def log_in(self, holder: SessionStore) -> None:
        """Log in as a visitor who has a session already, or as one who has none."""
        holder.label = self.label
        if self.random.random() < 0.5:
            holder["visited"] = True
            holder.save()
        self.authenticate(holder)
        self.org = self.random.choice(ORGS)
        if self.org:
            holder["org_id"] = self.org
        holder["n"] = self.n
        holder.save()

    def log_in_again(self, holder: SessionStore) -> None:
        self.authenticate(holder)
        self.save(holder)

    def save(self, holder: SessionStore) -> None:
        holder["n"] = self.n + 1
        holder.save()
        self.n += 1

    def move(self, holder: SessionStore) -> None:
        """Change the reference to another organisation, or remove it."""
        org = self.random.choice([org for org in ORGS if org != self.org])
        if org is None:
            del holder["org_id"]
        else:
            holder["org_id"] = org
        holder.save()
        self.org = org

    def rotate(self, holder: SessionStore) -> None:
        holder.cycle_key()

    def touch(self, holder: SessionStore) -> bool:
        return holder.touch()

    def log_out(self, holder: SessionStore) -> None:
        holder.flush()

    def authenticate(self, holder: SessionStore) -> None:
        request = HttpRequest()
        request.session = holder
        login(request, somebody())


ACTIONS = (Life.log_in_again, Life.save, Life.move, Life.rotate, Life.touch, Life.log_out)


def work(
    store: type[SessionStore], pause: float, names: Sequence[str], is_over: Callable[[], bool]
) -> list[Deed]:
    """Run one life after the other, in a thread for each name, and return their deeds."""

    def run(name: str) -> list[Deed]:
        deeds: list[Deed] = []
        try:
            for number in count():
                if is_over():
                    return deeds
                deeds += Life(store, f"{name}-{number}", pause).run(is_over)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(names)) as pool:
        return [deed for deeds in pool.map(run, names) for deed in deeds]


# In a process of its own


def begin(over: Any) -> None:
    """Initialise a worker process. ``over`` is an event that all processes share."""
    global is_over
    is_over = over.is_set
    django.setup()
    settings.MULTISESSION_REFERENCES = REFERENCES


def work_there(
    place: tuple[str, Mapping[str, Any]],
    databases: Mapping[str, Any],
    pause: float,
    names: Sequence[str],
) -> list[Deed]:
    """Run `work` on a storage that is built in this process. ``place``: its class and arguments."""
    settings.DATABASES.update(databases)
    connections.__dict__.pop("settings", None)  # Django may have read them before
    storage = import_string(f"django_multisession.storage.{place[0]}")(**place[1])
    from support.project import store_on  # imports models, which need the set-up of begin()

    store = store_on(storage)
    return work(store, pause, names, is_over)
