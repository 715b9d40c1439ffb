"""The data of a session as a tree, and which values in it are hidden."""

from __future__ import annotations

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.admin import data_tree
from django_multisession.admin.data_tree import Node, build_tree, has_hidden
from support.reporter_filters import CardFilter, ExactFilter, LongerFilter, NoNamesFilter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
QUICK = settings(max_examples=50, deadline=None)


def test_fields_by_name():
    names = [node.name for node in build_tree({"b": 1, "a": 2, "10": 3, "9": 4})]
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
    assert build_tree({"a": value}) == [Node("a", kind, text)]


def test_what_is_nested():
    (node,) = build_tree({"a": {"b": [1, "x"], 2: ()}})
    items = [Node("0", "int", "1"), Node("1", "str", "x")]
    inside = [Node("b", "list", children=items), Node("2", "tuple", children=[])]
    assert node == Node("a", "dict", children=inside)


def test_as_deep_as_it_is_shown():
    data = value = {}
    for _ in range(30):
        value["a"] = {}
        value = value["a"]
    node, depth = build_tree(data)[0], 0
    while node.children:
        (node,), depth = node.children, depth + 1
    assert depth == data_tree.MAX_DEPTH
    assert (node.text, node.left_out) == ("", 1)


def test_as_much_as_is_shown():
    (node,) = build_tree({"a": [*range(data_tree.MAX_CHILDREN)]})
    assert (len(node.children), node.left_out) == (data_tree.MAX_CHILDREN, 0)
    (node,) = build_tree({"a": dict.fromkeys(range(data_tree.MAX_CHILDREN + 1))})
    assert (len(node.children), node.left_out) == (data_tree.MAX_CHILDREN, 1)
    (node,) = build_tree({"a": "x" * data_tree.MAX_LENGTH})
    assert (len(node.text), node.left_out) == (data_tree.MAX_LENGTH, 0)
    (node,) = build_tree({"a": "x" * (data_tree.MAX_LENGTH + 3)})
    assert (len(node.text), node.left_out) == (data_tree.MAX_LENGTH, 3)


# What the admin hides: names that Django hides in its error pages, and three of its own.
SECRET = ["password", "PASSWORD", "old_passwd", "pass", "api_key", "X-CSRFToken", "api", "API_URL"]
SECRET += ["_auth_user_hash", "authorization", "http_cookie", "client_secret", "Signature"]
SECRET += [
    "credentials",
    "Credential",
    "csrf",
    "CSRF_id",
    "hash",
    "PasswordHash",
    "tokens",
    "monkeys",
]
PUBLIC = ["cart", "user", "_auth_user_id", "_auth_user_backend", "pas", "ha_sh", "cookie", ""]


@pytest.mark.parametrize("name", SECRET)
def test_what_is_hidden(name):
    data = {name: "s3cr3t"}
    for nested in (data, {"a": data}, {"a": [{"b": data}]}):
        nodes = build_tree(nested)
        assert "s3cr3t" not in str(nodes)
        assert has_hidden(nodes)
        assert "s3cr3t" in str(build_tree(nested, reveal=True))


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_not(name):
    assert not has_hidden(build_tree({name: "seen"}))


def test_of_a_login_only_the_hash_is_hidden():
    """Administrators have to see who is signed in, and through which backend."""
    login = {SESSION_KEY: "7", BACKEND_SESSION_KEY: "a.b.Backend", HASH_SESSION_KEY: "s3cr3t"}
    hidden = {node.name for node in build_tree(login) if node.is_hidden}
    assert hidden == {HASH_SESSION_KEY}


@pytest.mark.parametrize("name", [f"x{SESSION_KEY}", BACKEND_SESSION_KEY.upper()])
def test_names_like_those_of_a_login_are_hidden(name):
    assert has_hidden(build_tree({name: "s3cr3t"}))


def test_what_is_in_a_field_of_a_login_is_hidden():
    assert "s3cr3t" not in str(build_tree({SESSION_KEY: {"token": "s3cr3t"}}))


@pytest.mark.parametrize(
    ("kind", "hidden"),
    [
        (CardFilter, {"card", "CSRF"}),
        (ExactFilter, {"password", "plain", "CSRF"}),
        (LongerFilter, {"password", "plain", "api_url", "CSRF"}),
        (NoNamesFilter, {"password", "api_url", "CSRF"}),
    ],
)
def test_the_filter_of_the_project_decides(use_reporter_filter, kind, hidden):
    """Except for the names that the admin always hides."""
    use_reporter_filter(kind)
    names = ["card", "password", "plain", "api_url", "CSRF", SESSION_KEY]
    nodes = build_tree(dict.fromkeys(names, "x"))
    assert {node.name for node in nodes if node.is_hidden} == hidden


def test_revealing_overrides_the_filter_of_the_project(use_reporter_filter):
    use_reporter_filter(CardFilter)
    assert not has_hidden(build_tree({"card": "x", "csrf": "y"}, reveal=True))


def test_what_is_hidden_tells_its_kind_only():
    assert build_tree({"token": ["a", "b"]}) == [Node("token", "list", is_hidden=True)]


@QUICK
@given(JSON)
def test_a_secret_is_hidden_wherever_it_is(value):
    assert "s3cr3t" not in str(build_tree({"a": [value, {"Token": ["s3cr3t", value]}], "b": value}))


@QUICK
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_any_data_have_a_tree(data):
    assert len(build_tree(data, reveal=True)) == len(data)
    assert not has_hidden(build_tree(data, reveal=True))
