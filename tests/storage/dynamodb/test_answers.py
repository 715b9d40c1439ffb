"""Error answers of DynamoDB, and answers that are lost after the request was executed.

Every verb does the same as `MemoryStorage`, or raises.
"""

from __future__ import annotations

from functools import cache

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import client_pool
from django_multisession.storage.memory import MemoryStorage
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import SERVERS
from support.dynamodb_worlds import CLOCK, LATER, OVER, SEEDS, A, C, D, world
from support.subjects import make_record

pytestmark = pytest.mark.usefixtures("hurried")

NEW = make_record(CLOCK, fields={"c": b"1"}, references={"user": "1", "org": "2"})
MOVE = Change(set={"a": b"2"}, references={"user": "3", "org": None}, expires_at=LATER)

READS = {
    "read": lambda it: it.read(A),
    "read a field": lambda it: it.read(A, ["a"]),
    "find": lambda it: dict(it.find("user", "1")),
    "page": lambda it: dict(it.page()[0]),
    "sample": lambda it: dict(it.sample()[0]),
    "count": lambda it: it.count(),
}
WRITES = {
    "insert": lambda it: it.insert(C, NEW),
    "update": lambda it: it.update(A, Change(set={"a": b"2"}, unset={"b"}, label="x")),
    "touch": lambda it: it.update(A, Change(last_seen_at=LATER, expires_at=LATER)),
    "move": lambda it: it.update(A, MOVE),
    "rewrite": lambda it: it.update(A, Change(references={"user": "3"})),
    "rename": lambda it: it.rename(A, D, MOVE),
    "delete": lambda it: it.delete(A),
    "delete if over": lambda it: it.delete(OVER, True),
    "delete found": lambda it: dict(it.delete_matching("user", "1")),
    "purge": lambda it: it.purge(),
    "clear": lambda it: it.clear(),
}
VERBS = READS | WRITES
ENDS = {"delete", "delete if over", "delete found", "purge"}

FAULTS = {  # which the server does not see: how they are made, what is raised in the end
    "throttled": (Proxy.throttle, ClientError),
    "failing": (Proxy.fail, ClientError),
    "dropped": (Proxy.drop, ConnectionClosedError),
}
LOST = {"lost": (Proxy.lose, ConnectionClosedError)}  # the server does it
ATTEMPTS = client_pool.CONFIG["retries"]["total_max_attempts"]
MANY = 100  # faults


def every(names, kinds, *, few):
    """Parametrize with every verb on moto, and with a few on dynalite.

    Faults that the server does not see are the same for both.
    """
    on = {"moto": kinds, "dynalite": {kind: kinds[kind] for kind in few}}
    cases = [
        pytest.param(server, *case, id=f"{server}-{kind}")
        for server in on
        for kind, case in on[server].items()
    ]
    return pytest.mark.parametrize(("there", *names), cases, indirect=["there"])


def named(verbs):
    return {verb: (verb,) for verb in verbs}


def is_early(request):
    """Return whether botocore will try once more."""
    return f"attempt={ATTEMPTS}" not in request.headers["amz-sdk-request"]


def is_write(request):
    return request.operation in {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


@pytest.fixture(scope="module", params=SERVERS)
def there(request):
    with world(request.param) as there:
        there.kind = request.param
        yield there


@pytest.fixture
def proxy(there):
    yield there.proxy
    there.proxy.clear()


@pytest.fixture
def storage(there):
    return there.storage()


@pytest.fixture
def spec():
    spec = MemoryStorage(clock=CLOCK)
    spec.records.update(SEEDS)
    return spec


@pytest.mark.parametrize("verb", VERBS)
@every(["strike", "error"], FAULTS, few=["failing"])
def test_every_request_is_made_again(there, storage, spec, proxy, verb, strike, error):
    """None of these errors is raised to the caller."""
    usual = requests_of(there, verb)
    strike(proxy, is_early, times=MANY)
    assert VERBS[verb](storage) == VERBS[verb](spec)
    assert len(proxy.requests) == ATTEMPTS * usual
    assert there.kept(storage) == spec.records


@pytest.mark.parametrize("verb", WRITES)
def test_what_was_done_is_not_done_twice(there, storage, spec, proxy, verb):
    usual = requests_of(there, verb)
    proxy.lose(is_early, times=MANY)
    assert is_kept(WRITES[verb](spec), WRITES[verb](storage), verb)
    assert len(proxy.requests) <= ATTEMPTS * (usual + 1)  # which asks if it is there already
    assert there.kept(storage) == spec.records


@pytest.mark.parametrize("verb", WRITES)
def test_whichever_answer_is_lost(there, spec, proxy, verb):
    """One answer is lost; the requests before and after it succeed."""
    promised, number = WRITES[verb](spec), 0
    while True:
        storage, number = there.storage(), number + 1
        proxy.lose(is_write, after=number - 1)
        assert is_kept(promised, WRITES[verb](storage), verb)
        assert there.kept(storage) == spec.records
        if not proxy.struck:
            break


@pytest.mark.parametrize("verb", VERBS)
@every(["strike", "error"], FAULTS, few=["dropped"])
def test_an_outage_raises_and_changes_nothing(there, storage, proxy, verb, strike, error):
    strike(proxy, times=MANY)
    with pytest.raises(error):
        VERBS[verb](storage)
    assert there.kept(storage) == SEEDS


@pytest.mark.parametrize("verb", VERBS)
@every(["strike", "error"], FAULTS | LOST, few=["dropped", "lost"])
def test_an_outage_that_begins_in_between(there, spec, proxy, verb, strike, error):
    """The outage is raised. With transactions, the verb is done wholly or not at all.

    Index entries that could not be removed do no harm.
    """
    promised = VERBS[verb](spec)
    for spared in range(1, requests_of(there, verb)):
        storage = there.storage()
        strike(proxy, times=MANY, after=spared)
        answer = outcome(VERBS[verb], storage, error)
        kept = there.kept(storage)
        assert is_between(SEEDS, kept, spec.records)
        assert answer == promised or answer is error
        assert kept == spec.records or (answer is error and kept == SEEDS) or may_do_half(there)


@every(["verb"], named(VERBS), few=["read", "rename"])
def test_a_server_that_hangs_is_asked_again(there, spec, proxy, verb):
    storage = there.storage(is_hasty=True)
    proxy.hang()
    assert VERBS[verb](storage) == VERBS[verb](spec)
    assert there.kept(storage) == spec.records


@every(["verb"], named(WRITES), few=["rename"])
def test_a_late_answer_is_as_good_as_lost(there, spec, proxy, verb):
    storage = there.storage(is_hasty=True)
    proxy.lose(is_write, hang_up=False)
    assert is_kept(WRITES[verb](spec), WRITES[verb](storage), verb)
    assert there.kept(storage) == spec.records


def is_kept(promise, answer, verb):
    """Return whether the record is still returned.

    A caller that repeats a delete cannot know that its first attempt ended the session.
    """
    if verb in ENDS and isinstance(answer, dict):
        return all(promise[id] == record for id, record in answer.items())
    return answer == promise or (verb in ENDS and not answer)


@cache
def requests_of(there, verb):
    """Return the number of requests that the verb makes without any fault."""
    storage = there.storage()
    made = there.proxy.calls(lambda: VERBS[verb](storage))
    there.proxy.clear()
    return made.total()


def outcome(verb, storage, error):
    try:
        return verb(storage)
    except error:
        return error


def may_do_half(there):
    """Return whether the server has no transactions, so that a verb may be done in part."""
    return there.kind == "dynalite"


def is_between(before, kept, after):
    """Return whether each session is in its old or in its new state, and none is lost."""
    is_known = all(record in (before.get(id), after.get(id)) for id, record in kept.items())
    return is_known and len(kept) >= min(len(before), len(after))
