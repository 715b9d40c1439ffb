"""The data of a session as a tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.admin import data_tree
from django_multisession.admin.data_tree import Node, hides_any, tree_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
QUICK = settings(max_examples=50, deadline=None)


def test_fields_by_name():
    names = [node.name for node in tree_of({"b": 1, "a": 2, "10": 3, "9": 4})]
    assert names == ["10", "9", "a", "b"]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("x", "str", "x"),
        ("", "str", ""),
        (7, "int", "7"),
        (None, "NoneType", "None"),
        (True, "bool", "True"),
        (1.5, "float", "1.5"),
        (b"x", "bytes", "b'x'"),
        ({1}, "set", "{1}"),
    ],
)
def test_what_holds_nothing_else(value, kind, text):
    assert tree_of({"a": value}) == [Node("a", kind, text)]


def test_what_is_nested():
    (node,) = tree_of({"a": {"b": [1, "x"], 2: ()}})
    items = [Node("0", "int", "1"), Node("1", "str", "x")]
    inside = [Node("b", "list", children=items), Node("2", "tuple", children=[])]
    assert node == Node("a", "dict", children=inside)


def test_as_deep_as_it_is_shown():
    data = value = {}
    for _ in range(30):
        value["a"] = {}
        value = value["a"]
    node, depth = tree_of(data)[0], 0
    while node.children:
        (node,), depth = node.children, depth + 1
    assert depth == data_tree.DEPTH
    assert (node.text, node.left_out) == ("", 1)


def test_as_much_as_is_shown():
    (node,) = tree_of({"a": [*range(data_tree.BRANCHES)]})
    assert (len(node.children), node.left_out) == (data_tree.BRANCHES, 0)
    (node,) = tree_of({"a": dict.fromkeys(range(data_tree.BRANCHES + 1))})
    assert (len(node.children), node.left_out) == (data_tree.BRANCHES, 1)
    (node,) = tree_of({"a": "x" * data_tree.LENGTH})
    assert (len(node.text), node.left_out) == (data_tree.LENGTH, 0)
    (node,) = tree_of({"a": "x" * (data_tree.LENGTH + 3)})
    assert (len(node.text), node.left_out) == (data_tree.LENGTH, 3)


SECRET = ["password", "PASSWORD", "old_passwd", "api_key", "X-CSRFToken", "_auth_user_hash"]
SECRET += ["client_secret", "Signature", "credentials", "tokens", "monkeys"]


@pytest.mark.parametrize("name", SECRET)
def test_what_is_hidden(name):
    data = {name: "s3cr3t"}
    for nested in (data, {"a": data}, {"a": [{"b": data}]}):
        nodes = tree_of(nested)
        assert "s3cr3t" not in str(nodes)
        assert hides_any(nodes)
        assert "s3cr3t" in str(tree_of(nested, reveal=True))


@pytest.mark.parametrize("name", ["cart", "user", "_auth_user_id", "pass", "ha_sh", ""])
def test_what_is_not(name):
    assert not hides_any(tree_of({name: "seen"}))


def test_what_is_hidden_tells_its_kind_only():
    assert tree_of({"token": ["a", "b"]}) == [Node("token", "list", is_hidden=True)]


@QUICK
@given(JSON)
def test_a_secret_is_hidden_wherever_it_is(value):
    assert "s3cr3t" not in str(tree_of({"a": [value, {"Token": ["s3cr3t", value]}], "b": value}))


@QUICK
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_any_data_have_a_tree(data):
    assert len(tree_of(data, reveal=True)) == len(data)
    assert not hides_any(tree_of(data, reveal=True))
