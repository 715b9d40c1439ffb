"""The specification of the table, as arguments of requests."""

from __future__ import annotations

import pytest

from django_multisession.storage.dynamodb import table_spec
from django_multisession.storage.dynamodb.table_spec import AWS_MANAGED_KEY, TableSpec

pytestmark = pytest.mark.quick

OWN_KEY = "arn:aws:kms:eu-central-1:1:key/2"


def test_options_at_their_default_are_left_out():
    """Not every compatible server knows them."""
    assert table_spec.request("sessions", TableSpec()) == {
        "TableName": "sessions",
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }


@pytest.mark.parametrize(
    ("options", "argument", "value"),
    [
        ({"deletion_protection": True}, "DeletionProtectionEnabled", True),
        ({"tags": {"team": "web"}}, "Tags", [{"Key": "team", "Value": "web"}]),
        (
            {"kms_key": OWN_KEY},
            "SSESpecification",
            {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": OWN_KEY},
        ),
        (
            {"capacity": (5, 2)},
            "ProvisionedThroughput",
            {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2},
        ),
    ],
)
def test_every_option_is_an_argument(options, argument, value):
    request = table_spec.request("sessions", TableSpec(**options))
    assert request[argument] == value
    assert argument not in table_spec.request("sessions", TableSpec())


def test_with_a_capacity_the_table_is_paid_by_the_hour():
    assert table_spec.billing(TableSpec(capacity=(5, 2)))["BillingMode"] == "PROVISIONED"


def test_the_key_that_aws_manages_is_not_named():
    """DynamoDB refuses its id."""
    spec = TableSpec(kms_key=AWS_MANAGED_KEY)
    assert spec.own_key is None
    assert table_spec.encryption(spec) == {"Enabled": True, "SSEType": "KMS"}
    assert TableSpec(kms_key=OWN_KEY).own_key == OWN_KEY


def test_dynamodb_deletes_expired_items_by_the_ttl_attribute():
    assert table_spec.time_to_live() == {"Enabled": True, "AttributeName": "ttl"}
