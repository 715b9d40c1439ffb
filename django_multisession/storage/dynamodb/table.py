"""The table that sessions are kept in: made, and compared with what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, repeat
from time import monotonic, sleep
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from ..base import Finding
from . import errors, table_diff, table_templates
from .encoding import TTL
from .table_diff import Described
from .table_spec import TableSpec, recovery, request, time_to_live

Call = Callable[..., Mapping[str, Any]]
Progress = Callable[[str], object]

DEADLINE = 300  # seconds for a table to become active; ten are usual
PAUSES = (0.2, 0.8, 2, 3, 5)  # seconds between two looks at it; the last one from then on

ABSENT = "ResourceNotFoundException"
EXISTS = "ResourceInUseException"
# TTL is on, or was changed within the hour; or something else of the table is being changed.
NOT_NOW = {"ValidationException", EXISTS, "LimitExceededException"}
# The backups of a new table are there a moment after it is active.
NOT_YET = "ContinuousBackupsUnavailableException"

NO_TTL = Finding("ttl", "The server knows no TTL.", "Purge regularly: manage.py clearsessions")
NO_RECOVERY = Finding("recovery", "The server knows no point-in-time recovery.", "Do without it.")


class TableError(Exception):
    """The table does not become active. Says what to do."""


class Creation(NamedTuple):
    """What `Table.create` did."""

    made: bool  # False: there is one, or somebody else was just making it
    warnings: list[Finding]  # what could not be done


class Table:
    """A table by its name. Connects when a verb is called; raises botocore's errors."""

    def __init__(self, name: str, call: Call) -> None:
        """``call("describe_table", TableName=...)`` runs an operation of boto3's low-level client
        by its Python name and gives its answer."""
        self.name = name
        self._call = call

    @staticmethod
    def plan(**wishes: Any) -> TableSpec:
        """What is wanted of the table, for those who may not import `Plan`."""
        return TableSpec(**wishes)

    def exists(self) -> bool:
        """One request."""
        return self._describe() is not None

    def create(self, plan: TableSpec, progress: Progress) -> Creation:
        """Make the table, wait until it is active, and let DynamoDB delete what is over.

        One that there is stays as it is: see `differences`. One that somebody else is just making
        is waited for, and gets its TTL, and the recovery if that is wanted. ``progress`` is told
        in a line what is done.

        Four requests, and one for each further look; one if there is a table. Raises TableError.
        """
        status = self._status()
        if status not in {None, "CREATING"}:
            return Creation(False, [])
        progress(f"Creating table {self.name!r} ...")
        made = status is None and self._make(plan)
        self._wait(progress)
        warnings = self._enable_ttl(progress)
        if plan.point_in_time_recovery:
            warnings += self._enable_recovery(progress)
        return Creation(made, warnings)

    def differences(self, plan: TableSpec) -> list[Finding]:
        """What is not as sessions need it, or not as planned. Empty: all is well.

        Two requests, and one for each of recovery and tags, if these are planned.
        """
        table = self._describe()
        if table is None:
            return [table_diff.missing(self.name)]
        described = Described(
            table=table,
            ttl=self._ttl(),
            recovery=self._recovery() if plan.point_in_time_recovery else {},
            tags=dict(self._tags(table["TableArn"])) if plan.tags else {},
        )
        return table_diff.findings(described, plan)

    def template(self, kind: str, plan: TableSpec) -> str:
        """The table in the words of "cloudformation" or "terraform"; as "iam", who needs which
        rights. No request."""
        return table_templates.TEMPLATES[kind](self.name, plan)

    @staticmethod
    def told(error: Exception) -> str | None:
        """What to tell the people who set it up, in one line. None: it is no fault of theirs.

        The middle of a long text is left out: servers repeat what was signed, tokens included.
        """
        if not isinstance(error, (TableError, BotoCoreError, ClientError, ValueError)):
            return None
        lines = str(error).splitlines()
        return " ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else type(error).__name__

    # Steps of creation

    def _make(self, plan: TableSpec) -> bool:
        """False: somebody else was faster."""
        try:
            self._call("create_table", **request(self.name, plan))
        except ClientError as error:
            if errors.code_of(error) != EXISTS:
                raise
            return False
        return True

    def _wait(self, progress: Progress) -> None:
        """Until it is active. What was created a moment ago, DynamoDB may not know yet."""
        for elapsed in _looks():
            status = self._status() or "CREATING"
            if status != "CREATING":
                break
            if elapsed >= 1:
                progress(f"{status} for {elapsed:.0f} s ...")
        if not table_diff.is_usable(status):
            _, problem, remedy = table_diff.unusable(self.name, status)
            raise TableError(f"{problem} Waited {elapsed:.0f} s. {remedy}")
        progress(f"It is active after {elapsed:.0f} s.")

    def _enable_ttl(self, progress: Progress) -> list[Finding]:
        """What to warn of."""
        try:
            self._ask("update_time_to_live", TimeToLiveSpecification=time_to_live())
        except ClientError as error:
            if errors.code_of(error) == errors.UNKNOWN:
                return [NO_TTL]
            if errors.code_of(error) not in NOT_NOW:
                raise
            if not table_diff.has_ttl(self._ttl()):
                return [self._refused_ttl(error)]
        progress(f"TTL is enabled on {TTL!r}.")
        return []

    def _refused_ttl(self, error: ClientError) -> Finding:
        problem = f"TTL is not enabled: {error.response['Error'].get('Message')}."
        remedy = f"An hour after its last change, run: {table_diff.enable_ttl(self.name)}"
        return Finding("ttl", problem, remedy)

    def _enable_recovery(self, progress: Progress) -> list[Finding]:
        """What to warn of."""
        for elapsed in _looks():
            try:
                self._ask("update_continuous_backups", **recovery())
            except ClientError as error:
                if errors.code_of(error) == errors.UNKNOWN:
                    return [NO_RECOVERY]
                if errors.code_of(error) != NOT_YET:
                    raise
                if elapsed >= 1:
                    progress(f"Without backups for {elapsed:.0f} s ...")
            else:
                progress("Point-in-time recovery is enabled.")
                return []
        remedy = f"Later, run: {table_diff.enable_recovery(self.name)}"
        return [Finding("recovery", "Point-in-time recovery is not enabled.", remedy)]

    # Requests

    def _describe(self) -> Mapping[str, Any] | None:
        """None: there is no such table. Nothing else is taken for that."""
        try:
            return dict(self._ask("describe_table")["Table"])
        except ClientError as error:
            if errors.code_of(error) != ABSENT:
                raise
            return None

    def _status(self) -> str | None:
        table = self._describe()
        return None if table is None else str(table["TableStatus"])

    def _ttl(self) -> Mapping[str, Any]:
        answer = self._ask_if_known("describe_time_to_live")
        return dict(answer.get("TimeToLiveDescription", {}))

    def _recovery(self) -> Mapping[str, Any]:
        answer = self._ask_if_known("describe_continuous_backups")
        description = answer.get("ContinuousBackupsDescription", {})
        return dict(description.get("PointInTimeRecoveryDescription", {}))

    def _tags(self, arn: str) -> Iterator[tuple[str, str]]:
        """A request for each page."""
        token: dict[str, str] = {}
        while True:
            answer = self._call("list_tags_of_resource", ResourceArn=arn, **token)
            yield from ((tag["Key"], tag["Value"]) for tag in answer.get("Tags", []))
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def _ask_if_known(self, operation: str) -> Mapping[str, Any]:
        """The answer; empty where the server does not know the operation."""
        try:
            return self._ask(operation)
        except ClientError as error:
            if errors.code_of(error) != errors.UNKNOWN:
                raise
            return {}

    def _ask(self, operation: str, **request: Any) -> Mapping[str, Any]:
        return self._call(operation, TableName=self.name, **request)


def _looks() -> Iterator[float]:
    """The seconds that have passed: now, and after ever longer pauses until the deadline."""
    start, pauses = monotonic(), chain(PAUSES, repeat(PAUSES[-1]))
    while (elapsed := monotonic() - start) < DEADLINE:
        yield elapsed
        sleep(next(pauses))
