"""The table of the sessions: how it is created, and compared with a specification."""

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

DEADLINE = 300  # seconds to wait for a table to become active; ten are usual
PAUSES = (0.2, 0.8, 2, 3, 5)  # seconds between two polls; the last one is repeated

ABSENT = "ResourceNotFoundException"
EXISTS = "ResourceInUseException"
# TTL is enabled, or was changed within the last hour, or the table is being changed otherwise.
NOT_NOW = {"ValidationException", EXISTS, "LimitExceededException"}
# A new table has backups only a moment after it has become active.
NOT_YET = "ContinuousBackupsUnavailableException"

NO_TTL = Finding(
    "ttl",
    "The server has no TTL.",
    "Purge expired sessions regularly: manage.py clearsessions",
)
NO_RECOVERY = Finding(
    "recovery",
    "The server has no point-in-time recovery.",
    "Omit --point-in-time-recovery, and make backups in another way if you need them.",
)


class TableError(Exception):
    """The table does not become active. The message has a remedy."""


class Creation(NamedTuple):
    """The result of `Table.create`."""

    created: bool  # False: the table existed, or another process was creating it
    warnings: list[Finding]  # settings of the table that could not be made


class Table:
    """A table by its name. Its methods send requests, and raise botocore's errors."""

    def __init__(self, name: str, call: Call) -> None:
        """Remember the name and the function that sends requests.

        ``call("describe_table", TableName=...)`` runs an operation of boto3's low-level client,
        given by its Python name, and returns the answer.
        """
        self.name = name
        self.call = call

    @staticmethod
    def spec(**options: Any) -> TableSpec:
        """Return a specification. Code that may not import `TableSpec` gets it here."""
        return TableSpec(**options)

    def exists(self) -> bool:
        """Return whether the table exists. One request."""
        return self.describe() is not None

    def create(self, spec: TableSpec, progress: Progress) -> Creation:
        """Create the table, wait until it is active, and enable TTL, so that sessions expire.

        An existing table is not changed; see `differences`. If another process is creating the
        table, wait for it and then enable TTL, and recovery if specified. ``progress`` is called
        with one line of text for each step.

        Four requests, and one for each further poll; one if the table exists. Raises TableError.
        """
        status = self._status()
        if status not in {None, "CREATING"}:
            return Creation(False, [])
        progress(f"Creating table {self.name!r} ...")
        created = status is None and self._create(spec)
        self._wait(progress)
        warnings = self._enable_ttl(progress)
        if spec.point_in_time_recovery:
            warnings += self._enable_recovery(progress)
        return Creation(created, warnings)

    def differences(self, spec: TableSpec) -> list[Finding]:
        """Return what differs from what sessions need, and from the specification.

        Two requests, and one each for recovery and tags if they are specified.
        """
        table = self.describe()
        if table is None:
            return [table_diff.missing(self.name)]
        described = Described(
            table=table,
            ttl=self._ttl(),
            recovery=self._recovery() if spec.point_in_time_recovery else {},
            tags=dict(self._tags(table["TableArn"])) if spec.tags else {},
        )
        return table_diff.findings(described, spec)

    def template(self, kind: str, spec: TableSpec) -> str:
        """Return a template of this kind; see `table_templates.TEMPLATES`. No request."""
        return table_templates.TEMPLATES[kind](self.name, spec)

    @staticmethod
    def error_text(error: Exception) -> str | None:
        """Return one line of text for an error of the setup or the server, or None for any other.

        The lines between the first and the last are omitted: servers repeat what was signed in
        them, tokens included.
        """
        if not isinstance(error, (TableError, BotoCoreError, ClientError, ValueError)):
            return None
        lines = str(error).splitlines()
        return " ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else type(error).__name__

    # Steps of creation

    def _create(self, spec: TableSpec) -> bool:
        """Create the table. Return False if another process has been faster."""
        try:
            self.call("create_table", **request(self.name, spec))
        except ClientError as error:
            if errors.code_of(error) != EXISTS:
                raise
            return False
        return True

    def _wait(self, progress: Progress) -> None:
        """Wait until the table is active. Raises TableError."""
        for elapsed in _polls():
            status = self._status() or "CREATING"  # a new table may not be visible yet
            if status != "CREATING":
                break
            if elapsed >= 1:
                progress(f"{status} for {elapsed:.0f} s ...")
        if not table_diff.is_usable(status):
            _, problem, remedy = table_diff.unusable(self.name, status)
            raise TableError(f"{problem} Waited {elapsed:.0f} s. {remedy}")
        progress(f"The table is active after {elapsed:.0f} s.")

    def _enable_ttl(self, progress: Progress) -> list[Finding]:
        """Enable TTL, and return warnings."""
        try:
            self._call_table("update_time_to_live", TimeToLiveSpecification=time_to_live())
        except ClientError as error:
            if errors.code_of(error) == errors.UNKNOWN_OPERATION:
                return [NO_TTL]
            if errors.code_of(error) not in NOT_NOW:
                raise
            if not table_diff.has_ttl(self._ttl()):
                return [self._ttl_refused(error)]
        progress(f"TTL is enabled on {TTL!r}.")
        return []

    def _ttl_refused(self, error: ClientError) -> Finding:
        problem = f"TTL is not enabled: {error.response['Error'].get('Message')}."
        remedy = f"An hour after its last change, run: {table_diff.enable_ttl(self.name)}"
        return Finding("ttl", problem, remedy)

    def _enable_recovery(self, progress: Progress) -> list[Finding]:
        """Enable point-in-time recovery, and return warnings."""
        for elapsed in _polls():
            try:
                self._call_table("update_continuous_backups", **recovery())
            except ClientError as error:
                if errors.code_of(error) == errors.UNKNOWN_OPERATION:
                    return [NO_RECOVERY]
                if errors.code_of(error) != NOT_YET:
                    raise
                if elapsed >= 1:
                    progress(f"Waiting for backups for {elapsed:.0f} s ...")
            else:
                progress("Point-in-time recovery is enabled.")
                return []
        remedy = f"Later, run: {table_diff.enable_recovery(self.name)}"
        return [Finding("recovery", "Point-in-time recovery is not enabled.", remedy)]

    # Requests

    def describe(self) -> Mapping[str, Any] | None:
        """Return DynamoDB's description of the table, or None if there is none. One request."""
        try:
            return dict(self._call_table("describe_table")["Table"])
        except ClientError as error:
            if errors.code_of(error) != ABSENT:
                raise
            return None

    def _status(self) -> str | None:
        table = self.describe()
        return None if table is None else str(table["TableStatus"])

    def _ttl(self) -> Mapping[str, Any]:
        answer = self._call_if_known("describe_time_to_live")
        return dict(answer.get("TimeToLiveDescription", {}))

    def _recovery(self) -> Mapping[str, Any]:
        answer = self._call_if_known("describe_continuous_backups")
        description = answer.get("ContinuousBackupsDescription", {})
        return dict(description.get("PointInTimeRecoveryDescription", {}))

    def _tags(self, arn: str) -> Iterator[tuple[str, str]]:
        """Yield the tags. One request for each page."""
        token: dict[str, str] = {}
        while True:
            answer = self.call("list_tags_of_resource", ResourceArn=arn, **token)
            yield from ((tag["Key"], tag["Value"]) for tag in answer.get("Tags", []))
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def _call_if_known(self, operation: str) -> Mapping[str, Any]:
        """Return the answer, which is empty if the server does not have the operation."""
        try:
            return self._call_table(operation)
        except ClientError as error:
            if errors.code_of(error) != errors.UNKNOWN_OPERATION:
                raise
            return {}

    def _call_table(self, operation: str, **request: Any) -> Mapping[str, Any]:
        return self.call(operation, TableName=self.name, **request)


def _polls() -> Iterator[float]:
    """Yield the elapsed seconds: at once, and after ever longer pauses until the deadline."""
    start, pauses = monotonic(), chain(PAUSES, repeat(PAUSES[-1]))
    while (elapsed := monotonic() - start) < DEADLINE:
        yield elapsed
        sleep(next(pauses))
