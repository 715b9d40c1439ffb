"""Device pages: signing out devices, and confirming the password first."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.signals import user_login_failed

from django_multisession import sessions
from support.admin_site import is_logged_in, own, told, words
from support.device_pages import END_OTHERS, PAGE, STALE, asks_password, listed, url
from support.project import hearing


@pytest.fixture
def lost(home, ada, mine):
    """Return the handle of another device of ada."""
    return home.add(ada, label="Phone")


@pytest.fixture
def stale(home, lost):
    """Let so much time pass after ada signed in that the password is required."""
    home.clock.advance(**STALE)


PAGES = {"one": lambda lost: url(lost, "end"), "others": lambda lost: END_OTHERS}
each_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


class TestAsking:
    @each_page
    def test_to_look_ends_nothing(self, home, mine, lost, page):
        for method in (mine.get, mine.head, mine.options):
            assert method(page(lost)).status_code == 200
        assert mine.get(page(lost), {"password": "demo"}).status_code == 200
        assert home.ended == []

    def test_to_look_does_not_sign_out_here(self, home, mine):
        page = mine.get(url(own(mine), "end"))
        assert "This is the device you are using now." in words(page)
        assert is_logged_in(mine)

    def test_the_list_takes_no_orders(self, home, mine, lost):
        assert mine.post(PAGE, {"handle": lost}).status_code == 405
        assert home.ended == []


class TestLately:
    @each_page
    def test_who_signed_in_just_now_is_not_asked(self, home, mine, lost, page):
        assert not asks_password(mine.get(page(lost)))
        assert mine.post(page(lost)).status_code == 302
        assert not home.is_there(lost)

    @each_page
    def test_a_password_that_nobody_asked_for_does_not_matter(self, home, mine, lost, page):
        key = mine.cookies["sessionid"].value
        mine.post(page(lost), {"password": "wrong"})
        assert not home.is_there(lost)
        assert mine.cookies["sessionid"].value == key

    @each_page
    def test_where_nobody_is_ever_asked(self, home, mine, lost, settings, page):
        settings.MULTISESSION_REAUTHENTICATION_TIMEOUT = None
        home.clock.advance(days=10)
        assert not asks_password(mine.get(page(lost)))
        mine.post(page(lost))
        assert not home.is_there(lost)

    def test_nobody_is_asked_to_sign_out_here(self, home, mine, stale):
        assert not asks_password(mine.get(url(own(mine), "end")))
        mine.post(url(own(mine), "end"))
        assert not is_logged_in(mine)


@pytest.mark.usefixtures("stale")
class TestLongAgo:
    @each_page
    def test_the_password_is_asked(self, mine, lost, page):
        response = mine.get(page(lost))
        assert asks_password(response)
        assert "Enter your password to confirm it is you." in words(response)
        assert 'autocomplete="current-password"' in response.content.decode()

    @each_page
    @pytest.mark.parametrize("data", [{}, {"password": ""}, {"password": "wrong"}])
    def test_without_it_nothing_ends(self, home, mine, lost, page, data):
        key = mine.cookies["sessionid"].value
        response = mine.post(page(lost), data)
        said = (
            "That password is not correct. Try again."
            if data.get("password")
            else "This field is required."
        )
        assert said in words(response)
        assert asks_password(response)
        assert (home.ended, mine.cookies["sessionid"].value) == ([], key)
        assert b"wrong" not in response.content

    @each_page
    def test_with_it_they_end_and_one_stays_under_a_new_key(self, home, mine, lost, page):
        old, current = mine.cookies["sessionid"].value, own(mine)
        mine.post(page(lost), {"password": "demo"})
        assert listed(mine.get(PAGE)) == [own(mine)]
        assert (home.is_there(lost), home.is_there(current)) == (False, False)
        assert mine.cookies["sessionid"].value != old

    def test_it_is_asked_once(self, home, ada, mine, lost):
        another = home.add(ada)
        mine.post(url(lost, "end"), {"password": "demo"})
        assert not asks_password(mine.get(url(another, "end")))
        mine.post(url(another, "end"))
        assert not home.is_there(another)

    def test_whoever_counts_failures_hears_of_it(self, mine, lost):
        with hearing(user_login_failed) as heard:
            mine.post(url(lost, "end"), {"password": "wrong"})
        assert [facts["credentials"]["username"] for facts in heard] == ["ada"]

    def test_space_is_part_of_a_password(self, home, ada, mine, lost):
        mine.post(url(lost, "end"), {"password": " demo "})
        assert home.is_there(lost)

    def test_the_device_ended_meanwhile(self, home, mine, lost, monkeypatch):
        """The device may be signed out between reading and deleting it."""
        delete = home.storage.delete
        monkeypatch.setattr(home.storage, "delete", lambda *args: [delete(*args), None][1])
        response = mine.post(url(lost, "end"), {"password": "demo"}, follow=True)
        assert told(response) == ["This device was already signed out."]


@pytest.mark.usefixtures("stale")
class TestWithoutPassword:
    """Users without a password, who sign in with an external service."""

    @pytest.fixture
    def mine(self, home, ada):
        ada.set_unusable_password()
        ada.save()
        browser = home.browser()
        browser.force_login(ada)
        return browser

    @each_page
    def test_they_are_sent_to_sign_in_again_and_come_back(self, mine, lost, page):
        response = mine.get(page(lost))
        assert not asks_password(response)
        assert "<form" not in response.content.decode()
        assert f'href="/login/?next={page(lost)}"' in response.content.decode()

    @each_page
    @pytest.mark.parametrize("data", [{}, {"password": ""}, {"password": "demo"}])
    def test_nothing_ends(self, home, mine, lost, page, data):
        assert "Sign in again" in words(mine.post(page(lost), data))
        assert home.ended == []

    def test_what_was_asked_for_is_kept_on_the_way(self, mine, lost):
        response = mine.get(url(lost, "end"), {"a": "1&2", "b": "ü"})
        (link,) = [part for part in response.content.decode().split('"') if "/login/?" in part]
        (way,) = parse_qs(urlsplit(link).query)["next"]
        assert way == f"{url(lost, 'end')}?a=1%262&b=%C3%BC"

    def test_the_page_to_sign_in_is_the_projects(self, mine, lost, settings):
        settings.LOGIN_URL = "/sso/?idp=1"
        html = mine.get(url(lost, "end")).content.decode()
        assert f'href="/sso/?idp=1&amp;next={url(lost, "end")}"' in html

    def test_once_they_have_they_are_not_asked(self, home, ada, mine, lost):
        mine.force_login(ada)
        mine.post(url(lost, "end"))
        assert not home.is_there(lost)


class TestAgain:
    """A form may be sent twice."""

    def test_one_that_has_ended_is_gone(self, home, mine, lost):
        assert mine.post(url(lost, "end")).status_code == 302
        for response in (mine.post(url(lost, "end")), mine.get(url(lost, "end"))):
            assert response.status_code == 404
            assert "Device not found" in words(response)
        assert home.reasons() == {lost: "ended_by_user"}

    def test_all_others_twice(self, home, mine, lost):
        assert told(mine.post(END_OTHERS, follow=True)) == ["1 other device is signed out."]
        assert told(mine.post(END_OTHERS, follow=True)) == [
            "You are not signed in on any other device."
        ]
        assert len(home.ended) == 1

    def test_to_name_one_that_has_ended(self, home, mine, lost):
        mine.post(url(lost, "end"))
        assert mine.post(url(lost, "rename"), {"label": "x"}).status_code == 404
        assert sessions.get(lost) is None

    def test_to_sign_out_here_twice(self, home, mine):
        current = own(mine)
        mine.post(url(current, "end"))
        response = mine.post(url(current, "end"))
        assert (response.status_code, response.url) == (302, f"/login/?next={url(current, 'end')}")
        assert home.reasons() == {current: "logged_out"}


@pytest.mark.parametrize(
    ("after", "target"), [("home", "/who/"), (None, "/login/"), ("/bye/", "/bye/")]
)
def test_where_one_is_after_signing_out_here(home, mine, settings, after, target):
    settings.LOGOUT_REDIRECT_URL = after
    assert mine.post(url(own(mine), "end")).url == target


def test_reasons_are_told_once_each(home, ada, mine):
    one, *rest = home.several(3, user=ada)
    mine.post(url(one, "end"))
    mine.post(END_OTHERS)
    expected = dict.fromkeys(rest, "logged_out_everywhere") | {one: "ended_by_user"}
    assert home.reasons() == expected
    assert len(home.ended) == 3
