"""The connection to DynamoDB: a client for each process, retries, batches and transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from random import uniform
from time import sleep
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from . import errors
from .client_pool import ClientPool, creation_lock, with_defaults
from .encoding import VERSION, Item, WrongAnswer, primary_key
from .requests import Request, Write

T = TypeVar("T")
R = TypeVar("R")

# Seconds to wait before each repetition of a request that conflicted with a transaction.
PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32)
# The same for bulk requests. A partition accepts 1000 writes a second, and all index entries of a
# user are in one partition. Ending 10,000 sessions failed with the pauses above (emulated).
LONG_PAUSES = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)

WRITE_BATCH = 25  # writes of a BatchWriteItem request
READ_BATCH = 100  # keys of a BatchGetItem request

JSON = {"content-type": "application/x-amz-json"}


class Written(NamedTuple):
    """The answer to a write."""

    done: bool  # False: the condition failed
    # The item before the write, if the write asked for it or its condition failed; else empty.
    item: Item


class Outcome(NamedTuple):
    """The answers to several writes. Of a transaction, either all are done or none is."""

    done: list[int]  # indices of the writes that were done
    refused: dict[int, Item]  # index -> stored item, of the writes whose condition failed


class Connection:
    """A connection to DynamoDB or a compatible server. It connects when it is first used.

    It raises botocore's errors, and adds a remedy to their messages.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Configure the connection.

        ``options`` are arguments of ``boto3.client``. Their ``config`` may be a mapping; it is
        merged into `CONFIG`. Raises ValueError for an unknown option.
        """
        self.options = with_defaults(options)
        self.has_transactions = True  # until the server answers that it has none
        self.current_pool: ClientPool | None = None

    @property
    def pool(self) -> ClientPool:
        """The client and threads of this process."""
        pool = self.current_pool
        if pool is None or pool.pid != os.getpid():
            pool = self._new_pool()
        return pool

    def call(
        self, operation: str, request: Request, pauses: Iterable[float] = PAUSES
    ) -> dict[str, Any]:
        """Run an operation of boto3's client, given by its Python name, and return the answer.

        One request, and more if it is throttled or conflicts with a transaction.
        """
        try:
            method = getattr(self.pool.client, operation)
            for pause in pauses:
                try:
                    return _check_answer(method(**request))
                except ClientError as error:
                    if not errors.is_conflict(error):
                        raise
                sleep(uniform(pause / 2, pause))  # noqa: S311
            return _check_answer(method(**request))
        except (ClientError, BotoCoreError) as error:
            errors.explain(error)
            raise

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> list[R]:
        """Return the function's result for each part. The calls run in parallel threads."""
        parts = list(parts)
        if len(parts) < 2:
            return [*map(function, parts)]
        return [*self.pool.parts.map(function, parts)]

    # Writing

    def write(self, write: Write) -> Written:
        """Send a write. One request; a put that was refused may take one more."""
        try:
            answer = self.call(f"{write.verb.lower()}_item", write.request)
        except ClientError as error:
            if errors.code_of(error) != errors.CONDITION_FAILED:
                raise
            stored = error.response.get("Item") or {}
            is_done = write.verb == "Put" and self._was_put(write.request, stored)
            return Written(is_done, stored)
        return Written(True, answer.get("Attributes", {}))

    def write_all(self, writes: Iterable[Write]) -> None:
        """Send writes in parallel, one request each. A failed condition is not an error."""
        self.map(self.write, writes)

    def transact(self, writes: Sequence[Write], pauses: Iterable[float] = PAUSES) -> Outcome | None:
        """Send the writes as one transaction. Return None if the server has no transactions.

        ScyllaDB, for example, has none.
        """
        if not self.has_transactions:
            return None
        try:
            steps = [{write.verb: write.request} for write in writes]
            self.call("transact_write_items", {"TransactItems": steps}, pauses)
        except ClientError as error:
            if errors.code_of(error) == errors.UNKNOWN_OPERATION:
                self.has_transactions = False
                return None
            if errors.code_of(error) != errors.CANCELLED:
                raise
            return Outcome([], _refused_writes(error))
        return Outcome([*range(len(writes))], {})

    def write_in_turn(self, writes: Sequence[Write]) -> Outcome:
        """Send the writes one after the other, one request each."""
        answers = [*enumerate(map(self.write, writes))]
        refused = {index: answer.item for index, answer in answers if not answer.done}
        return Outcome([index for index, answer in answers if answer.done], refused)

    def delete_all(self, table: str, keys: Sequence[Item]) -> None:
        """Delete items unconditionally. One request for every 25 keys, several in parallel."""
        deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
        self.map(lambda batch: self._write_batch({table: batch}), chunks(deletes, WRITE_BATCH))

    def _was_put(self, put: Request, stored: Item) -> bool:
        """Return whether a put was refused because an earlier attempt has already done it.

        The answer to that attempt was lost. ``stored`` is the item in the refusal, if any.
        """
        item = put["Item"]
        if VERSION not in item:
            return False
        if not stored:  # not every server returns it
            key = {"Key": primary_key(item), "ConsistentRead": True}
            stored = self.call("get_item", {"TableName": put["TableName"], **key}).get("Item") or {}
        return bool(stored.get(VERSION) == item[VERSION])

    def _new_pool(self) -> ClientPool:
        """Create the pool of this process, once however many threads need it at the same time."""
        with creation_lock:
            if self.current_pool is None or self.current_pool.pid != os.getpid():
                self.current_pool = ClientPool(self.options)
            return self.current_pool

    def _write_batch(self, batch: Request) -> None:
        for pause in (*LONG_PAUSES, None):
            answer = self.call("batch_write_item", {"RequestItems": batch})
            batch = answer.get("UnprocessedItems") or {}
            if not batch:
                return
            _wait(pause, "BatchWriteItem")

    # Reading

    def read_all(self, table: str, request: Request) -> list[Item]:
        """Return the existing items of the request's ``Keys``, in any order.

        One request for every 100 keys, several in parallel.
        """
        parts = [{**request, "Keys": keys} for keys in chunks(request["Keys"], READ_BATCH)]
        return [*chain(*self.map(lambda part: self._read_batch({table: part}), parts))]

    def _read_batch(self, batch: Request) -> list[Item]:
        items: list[Item] = []
        for pause in (*LONG_PAUSES, None):
            answer = self.call("batch_get_item", {"RequestItems": batch})
            items += chain(*answer["Responses"].values())
            batch = answer.get("UnprocessedKeys") or {}
            if not batch:
                break
            _wait(pause, "BatchGetItem")
        return items


def chunks(values: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the values in parts of this size; the last one may be shorter."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def _check_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer. Raises WrongAnswer if it is not from DynamoDB.

    Another server's answer, a proxy's page for example, would look as if no session existed.
    """
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", JSON)  # a stub has none
    content_type = headers.get("content-type", "no content type")
    if not content_type.startswith(JSON["content-type"]):
        remedy = "Check region_name and endpoint_url in MULTISESSION_DYNAMODB_OPTIONS."
        raise WrongAnswer(f"The server that answers is not DynamoDB ({content_type}). {remedy}")
    return answer


def _refused_writes(error: ClientError) -> dict[int, Item]:
    """Return the stored items of a transaction's writes whose condition failed, by index.

    Raises the error if the transaction was cancelled for another reason.
    """
    reasons = enumerate(errors.reasons_of(error))
    refused = {n: reason.get("Item") or {} for n, reason in reasons if _is_refusal(reason)}
    if not refused:
        raise error
    return refused


def _is_refusal(reason: Mapping[str, Any]) -> bool:
    return reason.get("Code") == "ConditionalCheckFailed"


def _wait(pause: float | None, operation: str) -> None:
    """Wait before the rest of a batch is sent again. Raises ClientError if ``pause`` is None."""
    if pause is None:
        raise errors.throttled(operation)
    sleep(uniform(pause / 2, pause))  # noqa: S311
