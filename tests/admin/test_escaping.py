"""What sessions hold may be anything: none of it is markup to the admin, nor a template."""

from __future__ import annotations

from html import escape, unescape

import pytest
from django.contrib.admin.models import LogEntry

from support.admin_site import MARKUP, PAGE, listed, page_of, selected, words

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def office(office, settings):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    return office


def marked(name):
    """Markup that tells where it comes from."""
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
    assert_escaped(browser.get(page_of(handle)), *names)
    assert_escaped(browser.post(page_of(handle), {"reveal": "yes"}), *names)


@pytest.mark.parametrize("action", ["delete_selected", "log_out_everywhere"])
def test_when_it_asks(browser, handle, action):
    assert_escaped(browser.post(PAGE, selected(action, handle)), "user")
    data = selected(action, handle, post="End", reason=marked("reason") * 6)  # too long
    assert_escaped(browser.post(PAGE, data), "reason")
    assert_escaped(browser.get(page_of(handle, "delete")), "user", "label")


@pytest.mark.parametrize("action", ["delete_selected", "log_out_everywhere"])
def test_in_messages_and_the_log(browser, handle, action):
    data = selected(action, handle, post="End", reason=marked("reason"))
    assert_escaped(browser.post(PAGE, data, follow=True))
    assert marked("reason") in LogEntry.objects.get().change_message
    assert_escaped(browser.get("/admin/"), "user")


def test_in_its_history(browser, handle):
    browser.post(page_of(handle), {"reveal": "yes"})
    assert_escaped(browser.get(page_of(handle, "history")), "user")


def test_a_device_of_the_clients_own_making(office, browser):
    """What is not a browser that is known is called what it calls itself."""
    office.add(agent=f'{SCRIPT}"bot/1.0')
    handle = office.add(agent=f"{MARKUP}-crawler/1.0")
    for url in (PAGE, page_of(handle), page_of(handle, "delete")):
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
    for url in (PAGE, page_of(handle), page_of(handle, "delete")):
        response = browser.get(url)
        assert "%(id)s%s{0}" in words(response)
        assert "%(number)d%s{0}" in words(response)
    browser.post(page_of(handle, "delete"), {"post": "End", "reason": "%(number)d%s{0}"})
    assert "%(number)d%s{0}" in LogEntry.objects.get().change_message


def test_text_that_runs_the_other_way(office, browser):
    """It cannot turn what follows it around: it is in an element of its own."""
    handle = office.add(label="\u202egnp.exe", data={"a": "\u202eb"})
    assert browser.get(page_of(handle)).status_code == 200
    assert listed(browser.get(PAGE))[0] == handle
