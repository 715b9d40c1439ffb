"""Writes that meet a transaction, and batches that DynamoDB executes only in part.

The storage repeats them, up to a limit.
"""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import connection
from django_multisession.storage.memory import MemoryStorage
from support.dynamodb_servers import SERVERS
from support.dynamodb_worlds import CLOCK, OVER, SEEDS, A, C, D, hurry, world
from support.subjects import make_record

WRITES = {
    "PutItem": lambda it: it.insert(C, make_record(CLOCK, label="c")),
    "UpdateItem": lambda it: it.update(A, Change(label="x")),
    "DeleteItem": lambda it: it.delete(A),
    "TransactWriteItems": lambda it: it.rename(A, D, Change(references={"user": None})),
}
CONFLICTS = [
    ("TransactionConflict",),
    ("None", "TransactionConflict"),
    ("None", "ThrottlingError"),
    ("ProvisionedThroughputExceeded",),
    ("ConditionalCheckFailed", "TransactionConflict"),  # which of both is true next time?
]
RECORD = make_record(CLOCK, references={"user": "7"})
CROWD = {f"{number:02}{'x' * 41}": RECORD for number in range(60)}
PAUSES, LONG_PAUSES = connection.PAUSES, connection.LONG_PAUSES


@pytest.fixture(scope="module")
def moto():
    with world("moto") as there:
        yield there


@pytest.fixture(scope="module", params=SERVERS)
def there(request):
    with world(request.param) as there:
        yield there


@pytest.fixture
def waited(monkeypatch):
    """The pauses before the further attempts, in seconds."""
    hurry(monkeypatch)
    waited = []
    monkeypatch.setattr(connection, "sleep", waited.append)
    return waited


def is_patient(waited, pauses):
    """Return whether each pause is between half of its bound and the bound."""
    assert len(waited) == len(pauses)
    return all(p / 2 <= w <= p for w, p in zip(waited, pauses, strict=True))


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_that_meets_a_transaction_is_tried_again(moto, operation, waited):
    storage, spec = moto.storage(), MemoryStorage(clock=CLOCK)
    spec.records.update(SEEDS)
    moto.proxy.conflict(operation, times=len(PAUSES))
    assert WRITES[operation](storage) == WRITES[operation](spec)
    assert moto.kept(storage) == spec.records
    assert is_patient(waited, PAUSES)


@pytest.mark.parametrize("operation", WRITES)
def test_one_that_meets_too_many_raises(moto, operation, waited):
    storage = moto.storage()
    moto.proxy.conflict(operation, times=len(PAUSES) + 1)
    with pytest.raises(ClientError, match=r"TransactionConflict|TransactionCanceled"):
        WRITES[operation](storage)
    assert moto.kept(storage) == SEEDS
    assert is_patient(waited, PAUSES)


def test_log_out_everywhere_has_more_patience(moto, waited):
    storage = moto.storage()
    moto.proxy.conflict("TransactWriteItems", times=len(LONG_PAUSES))
    assert dict(storage.delete_matching("user", "1")).keys() == SEEDS.keys() - {OVER}
    assert is_patient(waited, LONG_PAUSES)


@pytest.mark.parametrize("reasons", CONFLICTS, ids=str)
def test_a_transaction_that_is_cancelled_by_another_is_tried_again(moto, reasons, waited):
    storage = moto.storage()
    moto.proxy.conflict("TransactWriteItems", *reasons)
    assert storage.rename(A, D, Change()) is True
    assert moto.kept(storage) == {**{id: SEEDS[id] for id in SEEDS if id != A}, D: SEEDS[A]}
    assert len(waited) == 1


def test_a_transaction_that_is_still_under_way_is_asked_about_again(moto, waited):
    storage = moto.storage()
    moto.proxy.refuse("TransactionInProgressException", "TransactWriteItems")
    assert storage.rename(A, D, Change()) is True
    tokens = [request.body.get("ClientRequestToken") for request in moto.proxy.requests[-2:]]
    assert tokens[0] == tokens[1] is not None
    assert waited == []


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_one_that_is_cancelled_for_good_raises(moto, reason, waited):
    """It is not repeated, nor taken for a refusal, which would mean that the session is gone."""
    storage = moto.storage()
    moto.proxy.conflict("TransactWriteItems", "None", reason, times=2)
    with pytest.raises(ClientError, match=reason):
        storage.rename(A, D, Change())
    with pytest.raises(ClientError, match=reason):
        list(storage.delete_matching("user", "1"))
    assert moto.kept(storage) == SEEDS
    assert waited == []


@pytest.mark.parametrize("code", ["ThrottlingException", "RequestLimitExceeded"])
def test_throttling_by_another_name(moto, code, waited):
    storage = moto.storage()
    moto.proxy.throttle(code=code, times=2)
    assert storage.read(A) == SEEDS[A]
    assert moto.proxy.struck == 2


class TestBatches:
    @pytest.fixture
    def storage(self, there):
        yield there.storage(seeds=CROWD)
        there.proxy.clear()

    @pytest.fixture
    def sizes(self, there, storage):
        """Return a function that returns the sizes of the batches requested so far."""

        def look(operation):
            asked = [r for r in there.proxy.requests if r.operation == operation]
            parts = [each.body["RequestItems"][storage.table.name] for each in asked]
            return [len(part["Keys"]) if "Keys" in part else len(part) for part in parts]

        return look

    def test_what_was_not_read_is_read_next(self, there, storage, sizes, waited):
        there.proxy.partial(25, "BatchGetItem", times=2)
        assert dict(storage.find("user", "7")) == CROWD
        assert sizes("BatchGetItem") == [60, 35, 10]
        assert is_patient(waited, LONG_PAUSES[:2])

    def test_what_was_not_written_is_written_next(self, there, storage, sizes, waited):
        def is_full(request):
            return connection.WRITE_BATCH in map(len, request.body["RequestItems"].values())

        there.proxy.partial(20, is_full, times=3)
        assert storage.clear() == 60
        assert there.kept(storage) == {}
        assert sorted(sizes("BatchWriteItem")) == [5, 5, 5, 20, *[25] * 4]

    def test_reading_that_comes_to_nothing_raises(self, there, storage, sizes, waited):
        """A session that could not be read is not taken for a missing one."""
        there.proxy.partial(0, "BatchGetItem", times=100)
        for call in (storage.find, storage.delete_matching):
            waited.clear()
            with pytest.raises(ClientError, match="capacity is used up") as caught:
                list(call("user", "7"))
            assert caught.value.response["Error"]["Code"] == connection.errors.THROTTLED
            assert is_patient(waited, LONG_PAUSES)
        assert sizes("BatchGetItem") == [60] * 2 * (len(LONG_PAUSES) + 1)
        assert there.kept(storage) == CROWD

    def test_writing_that_comes_to_nothing_raises(self, there, storage, sizes, waited, monkeypatch):
        monkeypatch.setattr(storage.connection, "map", lambda *work: [*map(*work)])  # one by one
        there.proxy.partial(0, "BatchWriteItem", times=100)
        with pytest.raises(ClientError, match="capacity is used up"):
            storage.clear()
        assert sizes("BatchWriteItem") == [25] * (len(LONG_PAUSES) + 1)
        assert is_patient(waited, LONG_PAUSES)
        assert there.kept(storage) == CROWD

    def test_an_entry_that_stays_behind_fails_nobody(self, there, storage, waited, caplog):
        """The session has ended as requested, so the verb succeeds."""
        there.proxy.partial(0, "BatchWriteItem", times=100)
        id, *rest = CROWD
        assert storage.delete(id) == RECORD
        assert there.kept(storage).keys() == {*rest}
        assert dict(storage.find("user", "7")).keys() == {*rest}
        assert "left to DynamoDB's TTL" in caplog.text
        assert id not in caplog.text
