"""A DynamoDB that cannot be reached or refuses access: the error says what to do about it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.dynamodb.encoding import WrongAnswer
from support.dynamodb_answers import Answer
from support.dynamodb_servers import KEYS, MOTO, NODES, SERVERS
from support.dynamodb_worlds import CLOCK, LATER, SEEDS, A, C, D, world
from support.project import store_on
from support.servers import HOST, free_port, wait_until
from support.subjects import is_active, make_record

pytestmark = pytest.mark.usefixtures("hurried")

OPTIONS, TABLE = "MULTISESSION_DYNAMODB_OPTIONS", "MULTISESSION_DYNAMODB_TABLE"
REGION = {"region_name": "eu-central-1"}
RAISED = (ClientError, BotoCoreError)

VERBS = {
    "read": lambda it: it.read(A),
    "insert": lambda it: it.insert(C, make_record(CLOCK, references={"user": "1"})),
    "update": lambda it: it.update(A, Change(set={"a": b"2"})),
    "move": lambda it: it.update(A, Change(references={"user": "2"}, expires_at=LATER)),
    "rename": lambda it: it.rename(A, D, Change()),
    "delete": lambda it: it.delete(A),
    "find": lambda it: it.find("user", "1"),
    "delete found": lambda it: it.delete_matching("user", "1"),
    "page": lambda it: it.page(),
    "sample": lambda it: it.sample(),
    "count": lambda it: it.count(),
    "purge": lambda it: it.purge(),
    "clear": lambda it: it.clear(),
}

CODES = {  # what DynamoDB says -> what we add
    "ExpiredTokenException": "renew them .*AWS_ACCESS_KEY_ID",
    "AccessDeniedException": "manage.py createsessiontable --print iam",
    "UnrecognizedClientException": f"AWS_ACCESS_KEY_ID.* {OPTIONS}",
    "InvalidSignatureException": f"AWS_ACCESS_KEY_ID.* {OPTIONS}",
    "MissingAuthenticationTokenException": f"AWS_ACCESS_KEY_ID.* {OPTIONS}",
    "ResourceNotFoundException": f"{TABLE} .*'manage.py createsessiontable'",
    "ProvisionedThroughputExceededException": "capacity",
    "ThrottlingException": "capacity",
}
NOT_OURS = {  # by whatever answers at a wrong endpoint_url, or in between
    "a page": Answer(b"<html>Down for maintenance", 200, {"content-type": "text/html"}),
    "nothing": Answer(b"", 200, {"content-type": "text/plain"}),
    "other JSON": Answer(b'{"status": "ok"}', 200, {"content-type": "application/json"}),
    "no entry": Answer(b"<html>", 403, {"content-type": "text/html"}),
    "not found": Answer(b"<html>", 404, {"content-type": "text/html"}),
    "elsewhere": Answer(b"", 302, {"location": "http://nowhere.invalid/"}),
}


@pytest.fixture(scope="module")
def there():
    with world("moto") as there:
        yield there


@pytest.fixture
def storage(there):
    yield there.storage()
    there.proxy.clear()


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    return NODES[request.param]


@pytest.mark.parametrize("code", CODES)
def test_an_error_says_what_to_do(there, storage, code, dialect):
    there.proxy.refuse(code, times=100)
    for verb in ("read", "insert", "find", "purge"):
        with pytest.raises(ClientError, match=f"(?s){code}.*{CODES[code]}") as caught:
            VERBS[verb](dialect(storage))
        assert caught.value.response["Error"]["Code"] == code
        assert ".) (" not in str(caught.value)  # once


@pytest.mark.parametrize("verb", VERBS)
def test_a_table_that_is_not_there(absent_table, verb):
    with pytest.raises(ClientError, match=f"{TABLE} .*'manage.py createsessiontable'"):
        consumed(VERBS[verb](absent_table))


@pytest.fixture(scope="module")
def absent_table(server):
    return DynamoDBStorage(table=f"no-{uuid4()}", options=server.options, clock=CLOCK)


@pytest.fixture(scope="module")
def other_table(server):
    """Create a table with another purpose and return a storage on it."""
    storage = DynamoDBStorage(table=f"other-{uuid4()}", options=server.options, clock=CLOCK)
    storage.connection.call(
        "create_table",
        {
            "TableName": storage.table.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "session", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "session", "KeyType": "HASH"}],
        },
    )
    wait_until(lambda: is_active(storage, storage.table.name), "table")  # dynalite takes a moment
    return storage


@pytest.mark.parametrize(
    "verb", sorted(VERBS.keys() - {"page", "sample", "count", "purge", "clear"})
)
def test_a_table_with_other_keys(other_table, verb):
    with pytest.raises(ClientError, match=r"'manage\.py createsessiontable --check'"):
        consumed(VERBS[verb](other_table))


@pytest.mark.parametrize("answer", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_no_answer_of_dynamodb(there, storage, answer):
    """It is neither taken for a missing session nor for a successful write."""
    there.proxy.strike(lambda request, forward: answer, times=1000)
    answers = {verb: outcome(call, storage) for verb, call in VERBS.items()}
    assert answers == dict.fromkeys(VERBS, "raised")
    assert there.kept(storage) == SEEDS


def test_a_page_instead_names_the_setting(there, storage, dialect):
    there.proxy.strike(lambda request, forward: NOT_OURS["a page"])
    with pytest.raises(WrongAnswer, match=f"text/html.*endpoint_url in {OPTIONS}"):
        dialect(storage).read(A)


def outcome(call, storage):
    try:
        return consumed(call(storage))
    except DynamoDBStorage.outages:
        return "raised"
    except Exception as error:
        return error


class TestOptions:
    def refused(self, options, error, remedy, dialect):
        it = dialect(DynamoDBStorage(options=options, clock=CLOCK))
        for verb in ("read", "update", "find"):
            with pytest.raises(error, match=remedy):
                VERBS[verb](it)

    def test_no_credentials(self, dialect):
        options = {**REGION, "endpoint_url": MOTO.url}
        self.refused(options, NoCredentialsError, f"AWS_ACCESS_KEY_ID.* {OPTIONS}", dialect)

    def test_half_of_the_credentials(self, dialect):
        options = {**REGION, "aws_access_key_id": "test"}
        self.refused(options, PartialCredentialsError, f"AWS_ACCESS_KEY_ID.* {OPTIONS}", dialect)

    def test_no_region(self, dialect):
        self.refused(KEYS, NoRegionError, f"region_name in {OPTIONS}, or AWS_", dialect)

    def test_nobody_listens(self, dialect):
        options = {**KEYS, **REGION, "endpoint_url": f"http://{HOST}:{free_port()}"}
        remedy = f"network, and region_name and endpoint_url in {OPTIONS}"
        self.refused(options, EndpointConnectionError, remedy, dialect)

    def test_a_profile_that_is_not_there(self, dialect, monkeypatch):
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        self.refused({**KEYS, **REGION}, BotoCoreError, f"nobody.*{OPTIONS}", dialect)

    def test_they_are_asked_again(self, monkeypatch):
        """Credentials that were missing at first may exist when they are needed."""
        storage = DynamoDBStorage(options={**KEYS, "endpoint_url": MOTO.url}, clock=CLOCK)
        with pytest.raises(NoRegionError):
            storage.read(A)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with pytest.raises(ClientError, match="ResourceNotFound"):
            storage.read(A)


@pytest.mark.parametrize("fault", ["refuse", "drop"])
def test_no_key_is_told(there, storage, fault, caplog):
    """Errors and logs may be read by anybody."""
    store = store_on(storage)
    holder = store()
    holder["a"] = "what a secret"
    holder.save()
    key, storage.clock = holder.session_key, lambda: LATER
    holder["a"] = 2
    if fault == "refuse":
        there.proxy.refuse("AccessDeniedException", times=100)
    else:
        there.proxy.drop(times=100)
    caplog.set_level("DEBUG")
    calls = [store(key).load, holder.save, holder.touch, holder.cycle_key, holder.flush]
    for call in calls:
        with pytest.raises(RAISED) as caught:
            call()
        assert key not in str(caught.value)
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("django"))
    assert key not in ours
    assert keys.hash_key(key) not in ours


def consumed(answer):
    return list(answer) if hasattr(answer, "__next__") else answer
