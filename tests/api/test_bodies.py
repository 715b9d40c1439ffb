"""Request bodies of the devices API: what is accepted, and the errors for anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypotheses
from hypothesis import strategies as st

from django_multisession import sessions
from support.api_clients import error

pytestmark = pytest.mark.thorough  # independent of Python and Django versions

TAKERS = [("patch", "/{own}/", "label"), ("post", "/confirm/", "password")]
EACH = pytest.mark.parametrize(("method", "path", "name"), TAKERS)

WRONG = {
    "space": b" ",
    "no JSON": b"label=x",
    "half of it": b'{"label": "x',
    "two": b"{}{}",
    "single quotes": b"{'label': 'x'}",
    "an array": b'["label"]',
    "a text": b'"label"',
    "a number": b"1",
    "a huge number": b"1" * 10_000,
    "null": b"null",
    "NaN": b"NaN",
    "an empty object": b"{}",
    "another member": b'{"name": "x"}',
    "a member in upper case": b'{"LABEL": "x"}',
    "a member without a name": b'{"": "x"}',
    "a member that no text is named by": b'{"\\ud800": "x"}',
    "not UTF-8": b'{"label": "\xff"}',
    "half a character": b'{"label": "\xc3"}',
    "NUL": b"\0",
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand objects": b'{"label":' * 100_000,
    "brackets in the member": b'{"label":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}

MEMBERS = {
    "null": "null",
    "a number": "1",
    "true": "true",
    "an array": '["x"]',
    "an object": '{"label": "x"}',
    "nothing": "",
    "one more": '"x", "more": 1',
}


@pytest.fixture
def mine(site):
    return site.caller(site.ada)


def sent(mine, method, path, body, **headers):
    return mine.call(method, path.format(own=mine.own), body, **headers)


def assert_invalid(response):
    assert (response.status_code, error(response)) == (400, "invalid")
    assert len(response.content) < 1000


@EACH
@pytest.mark.parametrize("case", WRONG)
def test_a_body_of_the_wrong_shape(mine, method, path, name, case):
    body = WRONG[case].replace(b"label", name.encode())
    assert_invalid(sent(mine, method, path, body))
    assert mine.listed()[0]["label"] == ""


@EACH
@pytest.mark.parametrize("case", MEMBERS)
def test_a_member_of_the_wrong_shape(mine, method, path, name, case):
    response = sent(mine, method, path, f'{{"{name}": {MEMBERS[case]}}}'.encode())
    assert_invalid(response)
    assert mine.listed()[0]["label"] == ""


@EACH
def test_what_is_wrong_is_told(mine, method, path, name):
    details = {
        "The body is not valid JSON.": b"{",
        "The body must be a JSON object.": b"[]",
        f"The object must have the member '{name}', a string.": b"{}",
        f"The object may only have the member '{name}'.": b'{"b": 1, "a": 1}',
    }
    for detail, body in details.items():
        assert sent(mine, method, path, body).json()["detail"] == detail


@EACH
def test_a_thousand_members_are_not_sent_back(mine, method, path, name):
    body = {"x" * 100 + str(n): 1 for n in range(1000)}
    assert_invalid(sent(mine, method, path, body))


@EACH
@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/jsonp",
        "application/json-patch+json",
        "",
    ],
)
def test_what_is_not_sent_as_json(mine, method, path, name, kind):
    """Refuse the content types that forms of other sites can send."""
    body = json.dumps({name: "demo"}).encode()
    response = sent(mine, method, path, body, content_type=kind)
    assert (response.status_code, error(response)) == (415, "not_json")
    assert "application/json" in response.json()["detail"]


@EACH
def test_no_body_is_none_of_json(mine, method, path, name):
    """Refuse a request without a body, which has no content type."""
    assert error(sent(mine, method, path, None)) == "not_json"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_called_so(mine, kind):
    response = sent(mine, *TAKERS[0][:2], b'{"label": "x"}', content_type=kind)
    assert response.status_code == 200


@EACH
def test_more_than_a_request_may_hold(mine, settings, method, path, name):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = sent(mine, method, path, {name: "x" * 1000})
    assert (response.status_code, error(response)) == (413, "too_large")
    assert sent(mine, method, path, {name: "x"}).status_code != 413


# Labels


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("x" * 101, "100 characters at most, not 101"),
        ("\U0001f36a" * 101, "100 characters at most"),
        ("x" * 100_000, "100 characters at most"),
        ("a\0b", "NUL"),
        ("a\ud800b", "lone surrogate"),
        ("\0" * 100_000, "label"),
    ],
)
def test_a_label_that_cannot_be_kept(mine, label, says):
    response = sent(mine, "patch", "/{own}/", {"label": label})
    assert_invalid(response)
    assert says in response.json()["detail"]
    assert mine.listed()[0]["label"] == ""


@hypotheses(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(
    label=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100)
)
def test_any_other_is(mine, label):
    response = sent(mine, "patch", "/{own}/", {"label": label})
    assert response.json()["label"] == label
    assert sessions.get(mine.own).label == label


# Passwords


@pytest.mark.parametrize("password", ["", "\0", "demo\0", "\ud800", "x" * 100_000, " demo"])
def test_a_password_that_nobody_has(mine, password):
    response = sent(mine, "post", "/confirm/", {"password": password})
    assert (response.status_code, error(response)) == (403, "wrong_password")
