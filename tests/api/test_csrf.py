"""The CSRF check of the devices API: requests that another site makes a browser send."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from support.api_clients import error
from support.auth_worlds import USER
from support.bearers import BEARER

SOME = "A" * 43
WRITES = [
    ("patch", f"/{SOME}/", {"label": "x"}),
    ("delete", f"/{SOME}/", None),
    ("post", "/end-others/", None),
    ("post", "/confirm/", {"password": "demo"}),
]


@pytest.fixture
def sender(site):
    """Return ada's browser as another site can use it: with the cookie, without a CSRF token."""
    mine = site.caller(site.ada)
    del mine.headers["x-csrftoken"]
    return mine


def assert_forged(response):
    assert (response.status_code, error(response)) == (403, "csrf")
    assert "X-CSRFToken" in response.json()["detail"]


@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_with_a_cookie_a_write_needs_a_csrf_token(
    site, sender, settings, method, path, body, has_middleware
):
    """The check does not depend on the project's CSRF middleware."""
    if not has_middleware:
        settings.MIDDLEWARE = [BEARER, USER]
    other = site.caller(site.ada)
    path = path.replace(SOME, other.own)
    assert_forged(sender.call(method, path, body))
    assert_forged(sender.call(method, path, body, **{"x-csrftoken": "d" * 32}))
    assert_forged(sender.call(method, path, body, authorization=f"Bearer {keys.new_key()}"))
    assert other.listed()
    assert site.world.reasons() == []


def test_with_a_cookie_a_read_needs_none(sender):
    assert sender.call("get", "/").status_code == 200


def test_of_another_origin(site):
    mine = site.caller(site.ada)
    assert_forged(mine.call("post", "/end-others/", origin="https://evil.example"))
    assert_forged(mine.call("post", "/end-others/", origin="null"))


@pytest.mark.parametrize(
    "body", [b"csrfmiddlewaretoken=" + b"d" * 32, b"a=1&" * 10**6, b"\xff%zz=&&"]
)
def test_a_form_of_another_site(sender, body):
    kind = "application/x-www-form-urlencoded"
    response = sender.call("post", "/confirm/", body, content_type=kind)
    assert response.status_code in (403, 413)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form_of_another_site(sender, kind):
    response = sender.call("post", "/confirm/", b"--x\r\nno form", content_type=kind)
    assert response.status_code in (400, 403)
