"""Permissions in the session browser: which pages, actions and data they allow."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from support.admin_site import PAGE, action_data, end_all_url, session_url, words

OK, TO, NO = 200, 302, 403
INDEX = "/admin/"

# User -> is staff, permissions.
WHO = {
    "nobody": (False, []),
    "customer": (False, ["view_session", "delete_session"]),
    "staff": (True, []),
    "viewer": (True, ["view_session"]),
    "deleter": (True, ["delete_session"]),
    "ender": (True, ["view_session", "delete_session"]),
    "reader": (True, ["view_session", "view_session_data"]),
    "data only": (True, ["view_session_data"]),
    "breaker": (True, ["end_all_sessions"]),
    "all": (True, ["view_session", "delete_session", "view_session_data", "end_all_sessions"]),
}
VIEWERS = {"viewer", "ender", "reader", "all"}
MAY = {
    "list": VIEWERS,
    "detail": VIEWERS,
    "history": VIEWERS,
    "reveal": VIEWERS,  # the page itself; the values: test_what_is_hidden
    "delete": {"deleter", "ender", "all"},
    "end-all": {"breaker", "all"},
    "add": set(),
}
OUT = {"nobody", "customer", "anonymous"}  # may not enter the admin


@pytest.fixture
def enter(office):
    def enter(who):
        if who == "anonymous":
            return office.browser()
        is_staff, permissions = WHO[who]
        user = office.staff(who, *permissions)
        user.is_staff = is_staff
        user.save()
        return office.browser(user)

    return enter


@pytest.fixture
def handle(office):
    return office.add(office.user("ada"), data={"cart": "apples", "token": "s3cr3t"})


def request_of(browser, page, handle):
    urls = {"list": PAGE, "add": f"{PAGE}add/", "end-all": end_all_url()}
    if page == "reveal":
        return browser.post(session_url(handle), {"reveal": "yes"})
    return browser.get(urls.get(page) or session_url(handle, {"detail": "change"}.get(page, page)))


@pytest.mark.parametrize("page", MAY)
@pytest.mark.parametrize("who", [*WHO, "anonymous"])
def test_pages(enter, handle, who, page):
    response = request_of(enter(who), page, handle)
    expected = TO if who in OUT else OK if who in MAY[page] else NO
    assert response.status_code == expected
    if who in OUT:
        assert response["Location"].startswith("/admin/login/")
    if expected != OK:
        assert "Firefox" not in words(response)


@pytest.mark.parametrize("action", ["delete_selected", "log_out_everywhere"])
@pytest.mark.parametrize("who", [*WHO, "anonymous"])
def test_actions(office, enter, handle, who, action):
    """Actions belong to the list, so they also need the permission to view it."""
    browser = enter(who)
    for data in (action_data(action, handle), action_data(action, handle, post="End")):
        browser.post(PAGE, data)
    assert office.is_there(handle) is (who not in {"ender", "all"})
    assert LogEntry.objects.exists() is (who in {"ender", "all"})


@pytest.mark.parametrize("who", [*WHO, "anonymous"])
def test_ending_one(office, enter, handle, who):
    browser = enter(who)
    browser.post(session_url(handle, "delete"), {"post": "End"})
    assert office.is_there(handle) is (who not in MAY["delete"])


@pytest.mark.parametrize("who", [*WHO, "anonymous"])
def test_ending_all(office, enter, handle, who):
    browser = enter(who)
    browser.post(end_all_url(), {"phrase": "end all sessions", "post": "End"})
    assert office.is_there(handle) is (who not in MAY["end-all"])


@pytest.mark.parametrize("who", sorted(VIEWERS))
def test_what_the_list_offers(enter, handle, who):
    html = enter(who).get(PAGE).content.decode()
    ends = who in MAY["delete"]
    assert ("End selected sessions" in html) is ends
    assert ("Log out everywhere" in html) is ends
    assert ('name="_selected_action"' in html) is ends
    assert (end_all_url() in html) is (who in MAY["end-all"])
    assert "/add/" not in html.partition('id="content"')[2]


@pytest.mark.parametrize("who", sorted(VIEWERS))
def test_what_a_session_offers(enter, handle, who):
    html = enter(who).get(session_url(handle)).content.decode()
    reads = who in {"reader", "all"}
    assert (session_url(handle, "delete") in html) is (who in MAY["delete"])
    assert ("apples" in html) is reads
    assert ("Show hidden values" in html) is reads
    assert "s3cr3t" not in html


@pytest.mark.parametrize("who", [*WHO, "anonymous"])
def test_what_is_hidden(enter, handle, who):
    response = enter(who).post(session_url(handle), {"reveal": "yes"})
    reveals = who in {"reader", "all"}
    assert ("s3cr3t" in response.content.decode()) is reads_all(who) is reveals
    assert ("cart" in response.content.decode()) is reveals
    assert LogEntry.objects.exists() is reveals


def reads_all(who):
    return {"view_session", "view_session_data"} <= {*WHO.get(who, (0, []))[1]}


@pytest.mark.parametrize("who", [who for who in WHO if who not in OUT])
def test_the_index(enter, who):
    html = enter(who).get(INDEX).content.decode()
    assert (f'href="{PAGE}"' in html) is (who in VIEWERS)
    assert f'href="{PAGE}add/"' not in html


@pytest.mark.parametrize("who", ["viewer", "staff"])
def test_the_index_of_the_app(enter, who):
    assert enter(who).get("/admin/django_multisession/").status_code == {"viewer": OK}.get(who, 404)


def test_methods_that_nobody_sends(office, handle):
    """Django does not parse the body of PUT, so it cannot carry a confirmation."""
    browser = office.root()
    for method in ("put", "patch", "delete", "options"):
        for url in (PAGE, session_url(handle), session_url(handle, "delete"), end_all_url()):
            response = getattr(browser, method)(url, "post=End&phrase=end all sessions&reveal=1")
            assert response.status_code in {OK, 405}
            assert "s3cr3t" not in response.content.decode()
    assert office.is_there(handle)
    assert not LogEntry.objects.exists()


def test_of_a_session_that_is_gone_nobody_else_is_told(enter):
    browser = enter("staff")
    for page in ("change", "delete"):
        assert browser.get(session_url("A" * 43, page)).status_code == NO
