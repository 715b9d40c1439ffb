"""The errors of botocore: which requests to repeat, and which remedy to add to a message."""

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
CONDITION_FAILED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"
UNKNOWN_OPERATION = "UnknownOperationException"
THROTTLED = "ProvisionedThroughputExceededException"

# A transaction was writing the same item. botocore does not repeat such a request.
_CONFLICT = "TransactionConflictException"
_CONFLICTS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

_OPTIONS = "MULTISESSION_DYNAMODB_OPTIONS"
_CHAIN = "in the environment (AWS_ACCESS_KEY_ID), a profile or the machine's role"
_POLICY = "'manage.py createsessiontable --print iam' prints the policy that sessions need"
_CHECK_CREDENTIALS = f"Check the credentials {_CHAIN}, or {_OPTIONS}."

_CHECK_ENDPOINT = f"Check the network, and region_name and endpoint_url in {_OPTIONS}."
_CHECK_KEYS = "'manage.py createsessiontable --check' reports whether the table has the right keys."
_CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

# Error code -> remedy.
_REMEDIES = {
    "ResourceNotFoundException": "MULTISESSION_DYNAMODB_TABLE names a table that does not exist: "
    "create it with 'manage.py createsessiontable'.",
    DENIED: f"Give the role these rights: {_POLICY}.",
    "ExpiredTokenException": f"The credentials have expired: renew them {_CHAIN}.",
    "UnrecognizedClientException": _CHECK_CREDENTIALS,
    "InvalidSignatureException": _CHECK_CREDENTIALS,
    "MissingAuthenticationTokenException": _CHECK_CREDENTIALS,
    THROTTLED: "The table's capacity is used up: raise it, or make it on demand.",
    "ThrottlingException": "The table's capacity is used up: raise it, or make it on demand.",
}


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_conflict(error: Exception) -> bool:
    """Return whether the request may succeed if repeated, and botocore has not repeated it."""
    if not isinstance(error, ClientError):
        return False
    reasons = {reason.get("Code") for reason in reasons_of(error)}
    return code_of(error) == _CONFLICT or bool(reasons & _CONFLICTS)


def reasons_of(error: ClientError) -> list[Mapping[str, Any]]:
    """Return why a transaction was cancelled: one reason for each of its writes."""
    return list(error.response.get("CancellationReasons") or [])


def throttled(operation: str) -> ClientError:
    """Return the error to raise if DynamoDB repeatedly leaves a part of a batch unprocessed."""
    error = {"Code": THROTTLED, "Message": "Some of the batch was not processed, repeatedly."}
    throttled = ClientError({"Error": error}, operation)
    explain(throttled)
    return throttled


def explain(error: Exception) -> None:
    """Add a remedy to the message of botocore's error, and cut the message to its first line.

    After a wrong signature AWS repeats what was signed, tokens included, in further lines.
    """
    if remedy := _remedy(error):
        first, *_ = str(error).splitlines() or [""]
        error.args = (f"{first} ({remedy})",)


def _remedy(error: Exception) -> str | None:
    if isinstance(error, ClientError):
        is_key_error = code_of(error) == "ValidationException" and "key" in str(error)
        if code_of(error).isdigit():  # an HTTP status: the answer is not from DynamoDB
            return _CHECK_ENDPOINT
        return _CHECK_KEYS if is_key_error else _REMEDIES.get(code_of(error))
    if isinstance(error, NoRegionError):
        return f"Set region_name in {_OPTIONS}, or AWS_DEFAULT_REGION."
    if isinstance(error, _CREDENTIAL_ERRORS):
        return _CHECK_CREDENTIALS
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return _CHECK_ENDPOINT
    return _OPTIONS if isinstance(error, BotoCoreError) else None
