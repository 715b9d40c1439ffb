"""`manage.py migratesessions` between engines of this package: records stay the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession import sessions
from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.management import move_job
from support.migrate_command import OURS, migrate, place, records
from support.subjects import DATABASES, STORAGES, make_record

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

SESSIONS, FEW = 250, 120  # FEW: for moto, which serves one request at a time
STORED_IN = {"db": "sqlite", "redis": "redis", "dynamodb": "dynamodb", "memory": "memory"}
QUICK = [("db", "redis"), ("redis", "db"), ("memory", "db"), ("redis", "memory")]
SLOW = [("db", "dynamodb"), ("dynamodb", "db"), ("redis", "dynamodb"), ("dynamodb", "redis")]
PAIRS = [*QUICK, *(pytest.param(pair, marks=pytest.mark.thorough) for pair in SLOW)]
LARGE = 420_000  # bytes; the limit of an item in DynamoDB is 400 KB


class Ours:
    def __init__(self, kind, storage, engine):
        self.kind, self.storage, self.engine = kind, storage, engine


@pytest.fixture
def ours(databases, clock, monkeypatch, settings):
    """Return a function that sets up an engine of a kind, on a storage of its own."""
    made = []
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    monkeypatch.setattr(move_job, "SETTLED", 0.05)

    def make(kind):
        storage = STORAGES[STORED_IN[kind]](clock)
        made.append(Ours(kind, storage, place(kind, storage, monkeypatch)))
        return made[-1]

    yield make
    for each in made:
        if STORED_IN[each.kind] in DATABASES:
            each.storage.clear()


@pytest.fixture
def pair(request, ours, settings):
    """The previous engine and the new one, which the site uses."""
    source, target = (ours(kind) for kind in request.param)
    settings.SESSION_ENGINE = target.engine
    settings.MULTISESSION_MIGRATE_FROM = [source.engine]
    return source, target


both_ways = pytest.mark.parametrize("pair", PAIRS, indirect=True)


def diverse(clock, n):
    """Return record number n. The numbers cover every kind of value."""
    facts = {
        "fields": {"_auth_user_id": b'"%d"' % (n % 7), "n": b"%d" % n, "\u00fc\u4e2d": b"[]"},
        "references": {"user": str(n % 7), **({"org": f"o {n % 3} \u00fc"} if n % 2 else {})},
        "label": f"CI \u00fc {n}" if n % 5 == 0 else "",
        "ip": (None, "192.0.2.1", "2001:db8::1")[n % 3],
        "user_agent": f"Firefox/{n % 11}" if n % 4 else "",
        "created_at": clock.now - timedelta(days=n % 90, microseconds=n),
        "last_seen_at": clock.now - timedelta(seconds=n),
        "expires_at": clock.now + timedelta(hours=1 + n, microseconds=n),
    }
    if n % 10 == 0:
        facts |= {"fields": {}, "references": {}}
    return make_record(clock, **facts)


def fill(storage, clock, number):
    made = {keys.hash_key(f"key {n}"): diverse(clock, n) for n in range(number)}
    for handle, record in made.items():
        assert storage.insert(handle, record)
    return made


@both_ways
def test_every_record_arrives_as_it_was(pair, clock):
    source, target = pair
    number = FEW if "dynamodb" in {source.kind, target.kind} else SESSIONS
    made = fill(source.storage, clock, number)
    assert records(source.storage) == made
    dry = migrate("--dry-run", "--json")
    assert dry.counts == {"moved": number}
    assert records(source.storage) == made
    assert migrate() == (f"{source.engine}: {number} sessions moved.\n", "", 0, "")
    assert records(target.storage) == made
    assert records(source.storage) == {}
    assert migrate("--json").counts == {}
    found = {info.handle for info in sessions.find("org", "o 1 \u00fc")}
    assert found == {
        h for h, record in made.items() if record.references.get("org") == "o 1 \u00fc"
    }


@pytest.mark.parametrize("pair", [("memory", "db"), ("db", "memory")], indirect=True)
def test_those_that_are_over_do_not_move(pair, clock):
    source, target = pair
    fill(source.storage, clock, 10)
    clock.advance(hours=5)
    assert migrate("--json").counts["moved"] == 6
    assert target.storage.count() == 6


@pytest.mark.parametrize("pair", [("db", "redis"), ("redis", "db")], indirect=True)
def test_there_and_back(pair, clock, settings):
    """Sessions that were moved can be used and moved back."""
    source, target = pair
    made = fill(source.storage, clock, 20)
    migrate()
    settings.SESSION_ENGINE, settings.MULTISESSION_MIGRATE_FROM = source.engine, [target.engine]
    assert migrate("--json").counts == {"moved": 20}
    assert records(source.storage) == made
    assert target.storage.count() == 0


@pytest.mark.thorough
@pytest.mark.parametrize("pair", [("db", "dynamodb"), ("redis", "dynamodb")], indirect=True)
def test_what_is_too_large_for_dynamodb_stays(pair, clock):
    source, target = pair
    large = make_record(clock, fields={"note": b'"%s"' % (b"x" * LARGE)})
    fill(source.storage, clock, 5)
    handle = keys.hash_key("large")
    source.storage.insert(handle, large)
    outcome = migrate()
    assert outcome.out.startswith(
        f"{source.engine}: 5 sessions moved; 1 that the new engine cannot store"
    )
    assert outcome.err.startswith(f"- Session {handle}: ")
    assert "409,600 at most" in outcome.err
    assert (outcome.status, outcome.error) == (
        3,
        "Some sessions could not be moved and stay in the previous engine.",
    )
    assert records(source.storage) == {handle: large}
    assert target.storage.count() == 5
    assert migrate("--json").counts == {"failed": 1}


def test_names_are_short(ours, settings, clock):
    """Engines can be named as in --from db --to redis."""
    source, target = ours("memory"), ours("db")
    fill(source.storage, clock, 3)
    settings.SESSION_ENGINE = target.engine
    outcome = migrate("--from", "memory", "--to", "db")
    assert outcome.out == f"{OURS}memory: 3 sessions moved.\n"
    assert "is not in MULTISESSION_MIGRATE_FROM" in outcome.err


@pytest.mark.parametrize("pair", [("memory", "db")], indirect=True)
def test_the_old_keys_still_log_in(pair):
    holder = memory.SessionStore()
    holder["_auth_user_id"], holder.label = "7", "CI"
    holder.save()
    migrate()
    (info,) = sessions.for_user("7")
    assert (info.handle, info.label) == (holder.handle, "CI")
    from django_multisession.backends.db import SessionStore

    assert SessionStore(holder.session_key)["_auth_user_id"] == "7"
