"""botocore's errors: which to repeat, and what to say of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

DENIED = "AccessDeniedException"
REFUSED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"
UNKNOWN = "UnknownOperationException"
THROTTLED = "ProvisionedThroughputExceededException"

# A write met a transaction; botocore does not try it again.
_CONFLICT = "TransactionConflictException"
_CONFLICTS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

_OPTIONS = "MULTISESSION_DYNAMODB_OPTIONS"
_CHAIN = "in the environment (AWS_ACCESS_KEY_ID), a profile or the machine's role"
_POLICY = "'manage.py createsessiontable --print iam' prints what sessions need"
_CREDENTIALS = f"Check the credentials {_CHAIN}, or {_OPTIONS}."

_PLACE = f"Check the network, and region_name and endpoint_url in {_OPTIONS}."
_KEYS = "'manage.py createsessiontable --check' says whether the table has the keys it needs."
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

# The code of an error -> what to do.
_REMEDIES = {
    "ResourceNotFoundException": "MULTISESSION_DYNAMODB_TABLE names a table that is not there: "
    "make it with 'manage.py createsessiontable'.",
    DENIED: f"Give the role these rights: {_POLICY}.",
    "ExpiredTokenException": f"The credentials have expired: renew them {_CHAIN}.",
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "MissingAuthenticationTokenException": _CREDENTIALS,
    THROTTLED: "The table's capacity is used up: raise it, or make it on demand.",
    "ThrottlingException": "The table's capacity is used up: raise it, or make it on demand.",
}


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_conflict(error: Exception) -> bool:
    """Will it probably go the next time, and does botocore not try?"""
    if not isinstance(error, ClientError):
        return False
    reasons = {reason.get("Code") for reason in reasons_of(error)}
    return code_of(error) == _CONFLICT or bool(reasons & _CONFLICTS)


def reasons_of(error: ClientError) -> list[Mapping[str, Any]]:
    """Why a transaction was cancelled: one for each of its writes."""
    return list(error.response.get("CancellationReasons") or [])


def throttled(operation: str) -> ClientError:
    """What is raised where DynamoDB leaves a part of a batch undone, again and again."""
    error = {"Code": THROTTLED, "Message": "Some of the batch was not processed, repeatedly."}
    throttled = ClientError({"Error": error}, operation)
    explain(throttled)
    return throttled


def explain(error: Exception) -> None:
    """Let botocore's error say where to look. Of a wrong signature AWS repeats, in further lines,
    what was signed, tokens included."""
    if remedy := _remedy(error):
        first, *_ = str(error).splitlines() or [""]
        error.args = (f"{first} ({remedy})",)


def _remedy(error: Exception) -> str | None:
    if isinstance(error, ClientError):
        is_of_keys = code_of(error) == "ValidationException" and "key" in str(error)
        if code_of(error).isdigit():  # not DynamoDB's own
            return _PLACE
        return _KEYS if is_of_keys else _REMEDIES.get(code_of(error))
    if isinstance(error, NoRegionError):
        return f"Set region_name in {_OPTIONS}, or AWS_DEFAULT_REGION."
    if isinstance(error, _NO_CREDENTIALS):
        return _CREDENTIALS
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return _PLACE
    return _OPTIONS if isinstance(error, BotoCoreError) else None
