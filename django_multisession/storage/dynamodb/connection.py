"""Calls and their answers: a client for each process, retries, batches and transactions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from random import uniform
from time import sleep
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from . import errors
from .client_pool import ClientPool, complete, making
from .encoding import VERSION, Item, WrongAnswer, primary_key
from .requests import Request, Write

T = TypeVar("T")
R = TypeVar("R")

# Seconds, before what met a transaction is tried again.
PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32)
# The same where there are many: a partition takes 1000 writes a second, and all entries of a user
# are in one. Ending 10,000 sessions failed with the pauses above (emulated).
LONG_PAUSES = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)

BATCH = 25  # writes of a BatchWriteItem
READ = 100  # keys of a BatchGetItem


JSON = {"content-type": "application/x-amz-json"}


class Written(NamedTuple):
    """The answer to a write."""

    done: bool  # False: the condition did not hold
    item: Item  # as it was before, where it was asked for or the condition did not hold; else empty


class Outcome(NamedTuple):
    """The answer to several writes; of a transaction all are done, or none."""

    done: list[int]  # the numbers of the writes that were done
    refused: dict[int, Item]  # number -> what is there, of those whose condition did not hold


class Connection:
    """To DynamoDB, or to a server that speaks like it. Connects when first used.

    Raises botocore's errors, with what to do about them.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """``options``: arguments of ``boto3.client``; ``config`` may be a mapping, and is merged
        into `CONFIG`. Raises ValueError for what is no argument."""
        self.options = complete(options)
        self._process: ClientPool | None = None
        self._has_transactions = True  # until the server says that it knows none

    @property
    def process(self) -> ClientPool:
        process = self._process
        if process is None or process.pid != os.getpid():
            process = self._renewed()
        return process

    def call(
        self, operation: str, request: Request, pauses: Iterable[float] = PAUSES
    ) -> dict[str, Any]:
        """The answer. One request, more where it is throttled, or meets a transaction."""
        try:
            method = getattr(self.process.client, operation)
            for pause in pauses:
                try:
                    return _checked(method(**request))
                except ClientError as error:
                    if not errors.is_conflict(error):
                        raise
                sleep(uniform(pause / 2, pause))  # noqa: S311
            return _checked(method(**request))
        except (ClientError, BotoCoreError) as error:
            errors.explain(error)
            raise

    def map(self, function: Callable[[T], R], parts: Iterable[T]) -> list[R]:
        """Of each part, several at once."""
        parts = list(parts)
        if len(parts) < 2:
            return [*map(function, parts)]
        return [*self.process.parts.map(function, parts)]

    # Writing

    def write(self, write: Write) -> Written:
        try:
            answer = self.call(f"{write.verb.lower()}_item", write.request)
        except ClientError as error:
            if errors.code_of(error) != errors.REFUSED:
                raise
            told = error.response.get("Item") or {}
            is_done = write.verb == "Put" and self._is_there(write.request, told)
            return Written(is_done, told)
        return Written(True, answer.get("Attributes", {}))

    def write_all(self, writes: Iterable[Write]) -> None:
        """Each for itself, several at once, whether or not its condition holds."""
        self.map(self.write, writes)

    def transact(self, writes: Sequence[Write], pauses: Iterable[float] = PAUSES) -> Outcome | None:
        """All or none. None: the server knows no transactions (ScyllaDB, for example)."""
        if not self._has_transactions:
            return None
        try:
            steps = [{write.verb: write.request} for write in writes]
            self.call("transact_write_items", {"TransactItems": steps}, pauses)
        except ClientError as error:
            if errors.code_of(error) == errors.UNKNOWN:
                self._has_transactions = False
                return None
            if errors.code_of(error) != errors.CANCELLED:
                raise
            return Outcome([], _refused(error))
        return Outcome([*range(len(writes))], {})

    def in_turn(self, writes: Sequence[Write]) -> Outcome:
        """Each for itself."""
        answers = [*enumerate(map(self.write, writes))]
        refused = {number: answer.item for number, answer in answers if not answer.done}
        return Outcome([number for number, answer in answers if answer.done], refused)

    def delete_all(self, table: str, keys: Sequence[Item]) -> None:
        """Whatever is there. A request for every 25, several at once."""
        deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
        self.map(lambda batch: self._write_batch({table: batch}), chunks(deletes, BATCH))

    def _is_there(self, put: Request, told: Item) -> bool:
        """Is it refused because it was done already, by an attempt whose answer was lost?"""
        item = put["Item"]
        if VERSION not in item:
            return False
        if not told:  # not every server tells
            key = {"Key": primary_key(item), "ConsistentRead": True}
            told = self.call("get_item", {"TableName": put["TableName"], **key}).get("Item") or {}
        return bool(told.get(VERSION) == item[VERSION])

    def _renewed(self) -> ClientPool:
        """One, however many threads ask at once."""
        with making:
            if self._process is None or self._process.pid != os.getpid():
                self._process = ClientPool(self.options)
            return self._process

    def _write_batch(self, batch: Request) -> None:
        for pause in (*LONG_PAUSES, None):
            answer = self.call("batch_write_item", {"RequestItems": batch})
            batch = answer.get("UnprocessedItems") or {}
            if not batch:
                return
            _wait(pause, "BatchWriteItem")

    # Reading

    def read_all(self, table: str, request: Request) -> list[Item]:
        """The items that there are of its ``Keys``, in any order. A request for every 100, several
        at once."""
        parts = [{**request, "Keys": keys} for keys in chunks(request["Keys"], READ)]
        return [*chain(*self.map(lambda part: self._read_batch({table: part}), parts))]

    def _read_batch(self, batch: Request) -> list[Item]:
        found: list[Item] = []
        for pause in (*LONG_PAUSES, None):
            answer = self.call("batch_get_item", {"RequestItems": batch})
            found += chain(*answer["Responses"].values())
            batch = answer.get("UnprocessedKeys") or {}
            if not batch:
                break
            _wait(pause, "BatchGetItem")
        return found


def chunks(things: Sequence[T], size: int) -> list[Sequence[T]]:
    return [things[start : start + size] for start in range(0, len(things), size)]


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """What is not DynamoDB, a proxy's page for example, would say of every session that there is
    none. Raises WrongAnswer."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", JSON)  # none of a stub
    kind = headers.get("content-type", "nothing")
    if not kind.startswith(JSON["content-type"]):
        where = "region_name and endpoint_url in MULTISESSION_DYNAMODB_OPTIONS"
        raise WrongAnswer(f"What answers there is not DynamoDB ({kind}). Check {where}.")
    return answer


def _refused(error: ClientError) -> dict[int, Item]:
    reasons = enumerate(errors.reasons_of(error))
    refused = {n: reason.get("Item") or {} for n, reason in reasons if _is_refusal(reason)}
    if not refused:  # cancelled for another reason, which is the caller's to know
        raise error
    return refused


def _is_refusal(reason: Mapping[str, Any]) -> bool:
    return reason.get("Code") == "ConditionalCheckFailed"


def _wait(pause: float | None, operation: str) -> None:
    """Before the rest of a batch is tried again. Raises ClientError when that was often enough."""
    if pause is None:
        raise errors.throttled(operation)
    sleep(uniform(pause / 2, pause))  # noqa: S311
