"""Session data are untrusted: the admin escapes them, and no template is rendered from them."""

from __future__ import annotations

from html import escape, unescape

import pytest
from django.contrib.admin.models import LogEntry

from support.admin_site import MARKUP, PAGE, action_data, listed, session_url, words

SCRIPT = "<script>alert(1)</script>"


pytestmark = pytest.mark.usefixtures("org_reference")


def marked(name):
    """Return markup that contains this name."""
    return f"{name}{MARKUP}{SCRIPT}"


@pytest.fixture
def handle(office):
    user = office.user(marked("user"))
    data = {
        marked("field"): marked("value"),
        "nested": {marked("name"): [marked("item")]},
        "org_id": marked("org"),
    }
    return office.add(user, agent=marked("agent"), label=marked("label"), data=data)


def assert_escaped(response, *names):
    html = response.content.decode()
    assert response.status_code == 200
    assert SCRIPT not in html
    assert MARKUP not in html
    for name in names:
        assert marked(name) in unescape(html), name


def test_in_the_list(browser, handle):
    assert_escaped(browser.get(PAGE), "user", "label", "org")


def test_on_its_page(browser, handle):
    names = ("user", "label", "agent", "org", "field", "value", "name", "item")
    assert_escaped(browser.get(session_url(handle)), *names)
    assert_escaped(browser.post(session_url(handle), {"reveal": "yes"}), *names)


@pytest.mark.parametrize("action", ["delete_selected", "log_out_everywhere"])
def test_when_it_asks(browser, handle, action):
    assert_escaped(browser.post(PAGE, action_data(action, handle)), "user")
    too_long = marked("reason") * 6
    data = action_data(action, handle, post="End", reason=too_long)
    assert_escaped(browser.post(PAGE, data), "reason")
    assert_escaped(browser.get(session_url(handle, "delete")), "user", "label")


@pytest.mark.parametrize("action", ["delete_selected", "log_out_everywhere"])
def test_in_messages_and_the_log(browser, handle, action):
    data = action_data(action, handle, post="End", reason=marked("reason"))
    assert_escaped(browser.post(PAGE, data, follow=True))
    assert marked("reason") in LogEntry.objects.get().change_message
    assert_escaped(browser.get("/admin/"), "user")


def test_in_its_history(browser, handle):
    browser.post(session_url(handle), {"reveal": "yes"})
    assert_escaped(browser.get(session_url(handle, "history")), "user")


def test_a_device_of_the_clients_own_making(office, browser):
    """An unknown browser is shown under the name in its user agent."""
    office.add(agent=f'{SCRIPT}"bot/1.0')
    handle = office.add(agent=f"{MARKUP}-crawler/1.0")
    for url in (PAGE, session_url(handle), session_url(handle, "delete")):
        assert_escaped(browser.get(url))


@pytest.mark.parametrize("text", [SCRIPT, MARKUP, '" onfocus="alert(1)', "{{ cl }}{% now 'Y' %}"])
def test_what_is_searched_for(browser, text):
    response = browser.get(PAGE, {"q": text})
    html = response.content.decode()
    assert text not in html
    assert f'value="{escape(text)}"' in html
    assert listed(response) == []


@pytest.mark.parametrize("name", ["p", "signed_in", "ends", "x"])
def test_what_else_stands_in_the_address(browser, name):
    response = browser.get(PAGE, {name: SCRIPT}, follow=True)
    assert SCRIPT not in response.content.decode()


def test_a_name_that_is_a_format(office, browser):
    handle = office.add(data={"_auth_user_id": "%(id)s%s{0}"}, label="%(number)d%s{0}")
    for url in (PAGE, session_url(handle), session_url(handle, "delete")):
        response = browser.get(url)
        assert "%(id)s%s{0}" in words(response)
        assert "%(number)d%s{0}" in words(response)
    browser.post(session_url(handle, "delete"), {"post": "End", "reason": "%(number)d%s{0}"})
    assert "%(number)d%s{0}" in LogEntry.objects.get().change_message


def test_text_that_runs_the_other_way(office, browser):
    """A right-to-left override in a value cannot reorder the text after it."""
    handle = office.add(label="\u202egnp.exe", data={"a": "\u202eb"})
    assert browser.get(session_url(handle)).status_code == 200
    assert listed(browser.get(PAGE))[0] == handle
