"""The page of a session: its facts and its data."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from django_multisession import sessions
from django_multisession.core.record import Change
from support.admin_site import DEVICE, PAGE, listed, log_entries, own, session_url, words
from support.reporter_filters import CardFilter, ExactFilter, LongerFilter, NoNamesFilter
from support.subjects import make_record
from support.user_agents import FIREFOX

pytestmark = pytest.mark.usefixtures("org_reference")


def facts(response):
    """Return labels and values of the table of facts, in their order."""
    html = response.content.decode()
    found = re.findall(r'(?s)<th scope="row">(.*?)</th><td>(.*?)</td>', html)
    return {name: " ".join(re.sub("<[^>]+>", " ", value).split()) for name, value in found}


def test_what_is_known(office, browser):
    ada = office.user("ada")
    handle = office.add(ada, ip="2001:db8::1", label="the tablet", data={"org_id": 7})
    office.clock.advance(hours=3)
    shown = facts(browser.get(session_url(handle)))
    times = {name: shown.pop(name).replace("\xa0", " ") for name in ("Created", "Last seen")}
    end = office.clock.now + timedelta(days=14, hours=-3)
    assert shown.pop("Expires") == date_format(timezone.localtime(end))
    assert set(times.values()) == {"3 hours ago"}
    assert shown == {
        "User": "ada",
        "Device": DEVICE,
        "IP address": "2001:db8::1",
        "Label": "the tablet",
        "References": "org: 7",
        "User agent": FIREFOX,
        "Handle": handle,
    }


def test_what_is_not_known_is_left_out(office, browser):
    shown = facts(browser.get(session_url(office.add(ip="", agent=""))))
    assert [*shown] == ["User", "Device", "Created", "Last seen", "Expires", "Handle"]
    assert (shown["User"], shown["Device"]) == ("anonymous", "Unknown device")


def test_its_title(office, browser):
    handle = office.add(office.user("ada"), label="the tablet")
    html = browser.get(session_url(handle)).content.decode()
    assert "<title>ada, the tablet, Firefox on Linux, 192.0.2.1 |" in html
    assert f'<a href="{PAGE}">' in html  # the breadcrumb


def test_it_leads_to_the_users_others(office, browser):
    ada = office.user("ada")
    handles = office.several(2, user=ada)
    office.add()
    html = browser.get(session_url(handles[0])).content.decode()
    (link,) = re.findall(r'href="([^"]+)">All sessions of this user', html)
    assert {*listed(browser.get(link))} == {*handles}
    assert f'href="/admin/auth/user/{ada.pk}/change/"' in html
    anonymous = browser.get(session_url(office.add())).content.decode()
    assert "All sessions of this user" not in anonymous


def test_it_leads_to_those_of_a_reference(office, browser):
    value = "a&b=c #/?é"
    handles = office.several(2, data={"org_id": value})
    html = browser.get(session_url(handles[0])).content.decode()
    (link,) = re.findall(r'href="([^"]+)">org: ', html)
    assert {*listed(browser.get(link))} == {*handles}


def test_a_user_who_was_deleted(office, browser):
    handle = office.add(data={"_auth_user_id": "999"})
    response = browser.get(session_url(handle))
    assert facts(response)["User"] == "user 999"
    assert "/admin/auth/user/999/" not in response.content.decode()


def test_ones_own(browser):
    response = browser.get(session_url(own(browser)))
    assert "current" in facts(response)["Device"]


def test_it_is_not_written_to(office, browser):
    """Viewing a session in the admin is not an activity of that session."""
    handle = office.add()
    before = office.storage.read(handle)
    office.clock.advance(hours=1)
    browser.get(session_url(handle))
    assert office.storage.read(handle) == before


@pytest.mark.parametrize("handle", ["_" * 43, "-" * 43, "_5F" + "-_" * 20])
def test_a_handle_that_has_to_be_quoted(office, browser, handle):
    office.storage.insert(handle, make_record(office.clock, label="odd"))
    response = browser.get(session_url(handle))
    assert facts(response)["Handle"] == handle
    assert handle in listed(browser.get(PAGE))
    assert session_url(handle, "delete") in response.content.decode()


class TestData:
    def test_they_are_shown(self, office, browser):
        data = {"cart": {"apples": 3, "note": None}, "list": ["x", 1.5, True], "b": "é<"}
        text = words(browser.get(session_url(office.add(data=data))))
        text = text.partition("Data b")[2]
        assert text.startswith(
            " é< str cart dict apples 3 int note None NoneType list list 0 x str 1 1.5 float "
            "2 True bool"
        )

    def test_none(self, office, browser):
        assert "This session has no data." in words(browser.get(session_url(office.add())))

    def test_empty_ones(self, office, browser):
        data = {"a": {}, "b": [], "c": "", "d": None, "e": 0}
        text = words(browser.get(session_url(office.add(data=data))))
        assert "Data a dict b list c str d None NoneType e 0 int" in text
        assert "This session has no data." not in text

    def test_many_and_long_ones_are_cut(self, office, browser):
        data = {"list": [*range(300)], "text": "x" * 2500 + "END"}
        text = words(browser.get(session_url(office.add(data=data))))
        assert "199 199 int 100 more are not shown." in text
        assert "200 200 int" not in text
        assert "x str 503 more are not shown." in text
        assert "END" not in text

    def test_one_more_is_one(self, office, browser):
        text = words(browser.get(session_url(office.add(data={"list": [*range(201)]}))))
        assert "1 more is not shown." in text

    def test_what_cannot_be_decoded_is_left_out(self, office, browser):
        handle = office.add(data={"broken": 1, "fine": "apples"})
        office.storage.update(handle, Change(set={"broken": b"{"}))
        response = browser.get(session_url(handle))
        assert response.status_code == 200
        assert "fine apples" in words(response)
        assert "broken" not in words(response)

    def test_it_ends_while_it_is_looked_at(self, office, browser, monkeypatch):
        """The session ends between the read of the facts and the read of the data."""
        handle = office.add(data={"cart": 1})
        read = office.storage.read
        monkeypatch.setattr(
            office.storage,
            "read",
            lambda *args: None if args == (handle,) else read(*args),
        )
        assert browser.get(session_url(handle)).status_code == 200

    def test_the_key_is_nowhere(self, office, browser):
        holder = sessions.create(data={"cart": 1})
        for response in (
            browser.get(session_url(holder.handle)),
            browser.post(session_url(holder.handle), {"reveal": "yes"}),
            browser.get(PAGE),
            browser.get(session_url(holder.handle, "delete")),
            browser.get(session_url(own(browser))),
        ):
            html = response.content.decode()
            assert holder.session_key not in html
            assert browser.cookies["sessionid"].value not in html


class TestSecrets:
    DATA = {
        "card": {"ACCESS_Token": "s3-a", "items": [{"password": ["s3-b"]}, {"n": 1}]},
        "api_key": {"id": "s3-c"},
        "PASSWD": "s3-d",
        "plain": "in sight",
    }

    def test_they_are_hidden_at_any_depth(self, office, browser):
        response = browser.get(session_url(office.add(data=self.DATA)))
        assert "s3-" not in response.content.decode()
        assert "in sight" in words(response)
        assert words(response).count("hidden") - words(response).count("hidden values") == 4

    def test_ones_login_is(self, office, browser):
        response = browser.get(session_url(own(browser)))
        assert "_auth_user_hash hidden" in words(response)
        assert "_auth_user_backend django.contrib.auth" in words(response)
        assert f"_auth_user_id {response.wsgi_request.user.pk} str" in words(response)

    def test_they_are_shown_when_asked_for(self, office, browser):
        handle = office.add(data=self.DATA)
        response = browser.post(session_url(handle), {"reveal": "yes"})
        assert all(f"s3-{name}" in words(response) for name in "abcd")
        assert "Show hidden values" not in words(response)
        assert log_entries() == [("root", handle, 2, "Viewed hidden values.")]

    def test_and_not_else(self, office, browser):
        handle = office.add(data=self.DATA)
        for response in (
            browser.get(session_url(handle), {"reveal": "yes"}),
            browser.post(session_url(handle)),
            browser.post(session_url(handle) + "?reveal=yes"),
        ):
            assert "s3-" not in response.content.decode()
        assert log_entries() == []

    def test_not_from_elsewhere(self, office):
        browser = office.root(enforce_csrf_checks=True)
        response = browser.post(session_url(office.add(data=self.DATA)), {"reveal": "yes"})
        assert response.status_code == 403
        assert "s3-" not in response.content.decode()

    def test_where_there_are_none_nothing_is_offered(self, office, browser):
        response = browser.get(session_url(office.add(data={"plain": 1})))
        assert "Show hidden values" not in words(response)

    @pytest.mark.parametrize(
        ("kind", "seen"),
        [(CardFilter, "cd"), (ExactFilter, "acd"), (LongerFilter, ""), (NoNamesFilter, "")],
    )
    def test_the_filter_of_the_project_decides(
        self, office, browser, use_reporter_filter, kind, seen
    ):
        use_reporter_filter(kind)
        html = browser.get(session_url(office.add(data=self.DATA))).content.decode()
        assert {name for name in "abcd" if f"s3-{name}" in html} == {*seen}
        assert ("in sight" in html) is (kind in {CardFilter, NoNamesFilter})

    def test_the_names_are_not_told_by_depth(self, office, browser):
        """Values beyond the maximum depth are not shown as text, which would reveal them."""
        data = {"password": "s3-deep"}
        for _ in range(20):
            data = {"a": data}
        response = browser.get(session_url(office.add(data=data)))
        assert "s3-deep" not in response.content.decode()
        assert "1 more is not shown." in words(response)
