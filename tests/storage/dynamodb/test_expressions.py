"""Condition and update expressions: names and values travel as placeholders only."""

from __future__ import annotations

import pytest

from django_multisession.storage.dynamodb.expressions import Expression, projection
from support.dynamodb_cases import AWKWARD

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("name", AWKWARD)
def test_no_name_is_written_into_an_expression(name):
    expression = Expression()
    text = expression.where(name, "=", {"S": "value"})
    assert text == "#0 = :0"
    assert expression.parameters() == {
        "ExpressionAttributeNames": {"#0": name},
        "ExpressionAttributeValues": {":0": {"S": "value"}},
    }


def test_a_name_has_one_placeholder_and_a_value_a_new_one_each_time():
    expression = Expression()
    texts = [expression.where(name, "<", {"N": "1"}) for name in ("a", "b", "a")]
    assert texts == ["#0 < :0", "#1 < :1", "#0 < :2"]
    assert expression.parameters()["ExpressionAttributeNames"] == {"#0": "a", "#1": "b"}


def test_a_dot_in_a_name_is_part_of_the_name_and_not_of_the_path():
    expression = Expression()
    assert expression.name("fields", "a.b") == "#0.#1"
    assert expression.name("fields") == "#0"
    assert expression.parameters()["ExpressionAttributeNames"] == {"#0": "fields", "#1": "a.b"}


def test_a_prefix_is_a_value():
    expression = Expression()
    assert expression.begins("sk", "s#") == "begins_with(#0, :0)"
    assert expression.parameters()["ExpressionAttributeValues"] == {":0": {"S": "s#"}}


def test_empty_mappings_are_left_out():
    """DynamoDB refuses them."""
    expression = Expression()
    assert expression.parameters() == {}
    expression.name("a")
    assert expression.parameters() == {"ExpressionAttributeNames": {"#0": "a"}}


def test_a_projection_names_each_attribute_once():
    assert projection(["pk", "name", "pk"]) == {
        "ProjectionExpression": "#0,#1",
        "ExpressionAttributeNames": {"#0": "pk", "#1": "name"},
    }
