"""Device pages: the list."""

from __future__ import annotations

import pytest
from django.http import HttpRequest

from django_multisession import devices
from support.admin_site import is_logged_in, own, told, words
from support.device_pages import ACTS, PAGE, asks_password, cards, listed, lived_in, named, url
from support.user_agents import FIREFOX, IPHONE


class TestEverywhere:
    """The main use of the pages, on every storage."""

    @pytest.fixture
    def home(self, storage, databases, settings, monkeypatch):
        with lived_in(storage, settings, monkeypatch) as it:
            yield it

    def test_they_see_their_own(self, home, ada, mine):
        phone = home.add(ada, agent=IPHONE, label="Phone")
        home.add(home.user("grace"))
        home.add()
        assert named(mine.get(PAGE)) == {own(mine): "Firefox on Linux", phone: "Phone"}

    def test_they_give_names(self, home, ada, mine):
        phone = home.add(ada, agent=IPHONE)
        for handle, name in ((phone, "Phone"), (own(mine), "Desk")):
            mine.post(url(handle, "rename"), {"label": name})
        assert named(mine.get(PAGE)) == {own(mine): "Desk", phone: "Phone"}

    def test_they_sign_out_one(self, home, ada, mine):
        lost, kept = home.browser(ada), home.browser(ada)
        assert is_logged_in(lost)
        response = mine.post(url(own(lost), "end"), follow=True)
        assert listed(response) == [own(mine), own(kept)]
        assert told(response) == ["\u2068Firefox on Linux\u2069 is signed out."]
        assert [is_logged_in(each) for each in (lost, kept, mine)] == [False, True, True]
        assert "ended_by_user" in home.reasons().values()

    def test_they_sign_out_all_others(self, home, ada, mine):
        lost, grace = home.browser(ada), home.browser(home.user("grace"))
        home.add(ada)
        response = mine.post(f"{PAGE}end-others/", follow=True)
        assert listed(response) == [own(mine)]
        assert told(response) == ["2 other devices are signed out."]
        assert [is_logged_in(each) for each in (lost, grace, mine)] == [False, True, True]
        assert [*home.reasons().values()] == ["logged_out_everywhere"] * 2

    def test_they_sign_out_here(self, home, ada, mine):
        current, other = own(mine), home.add(ada)
        response = mine.post(url(current, "end"))
        assert (response.status_code, response.url) == (302, "/who/")
        assert not is_logged_in(mine)
        assert home.reasons() == {current: "logged_out"}
        assert home.is_there(other)

    def test_they_prove_who_they_are(self, home, ada, mine):
        lost, old = home.add(ada), mine.cookies["sessionid"].value
        home.clock.advance(hours=1)
        assert asks_password(mine.get(url(lost, "end")))
        mine.post(url(lost, "end"), {"password": "demo"})
        assert not home.is_there(lost)
        assert mine.cookies["sessionid"].value != old
        assert listed(mine.get(PAGE)) == [own(mine)]


class TestOrder:
    def test_this_one_and_then_the_latest(self, home, ada, mine):
        first, second, third = (home.browser(ada) for _ in range(3))
        for browser in (mine, first, third, second):
            home.clock.advance(minutes=5)
            is_logged_in(browser)
        assert listed(mine.get(PAGE)) == [own(each) for each in (mine, second, third, first)]
        home.clock.advance(minutes=5)
        assert listed(third.get(PAGE))[0] == own(third)

    def test_one_that_is_over_is_none(self, home, ada, mine):
        home.add(ada, expires_in=60)
        home.clock.advance(minutes=2)
        assert listed(mine.get(PAGE)) == [own(mine)]


class TestCard:
    def test_what_it_tells(self, home, ada, mine):
        home.add(ada, agent=IPHONE, ip="2001:db8::1", label="Phone")
        home.clock.advance(minutes=5)
        current, phone = cards(mine.get(PAGE))
        assert phone == (
            "Phone Mobile Safari on iOS 2001:db8::1 Last seen 5 minutes ago "
            "Signed in 5 minutes ago Rename Sign out"
        )
        assert current.startswith("Firefox on Linux This device 127.0.0.1 Last seen ")

    def test_only_this_one_is_this(self, home, ada, mine):
        home.several(3, user=ada)
        marks = ["This device" in card for card in cards(mine.get(PAGE))]
        assert marks == [True, False, False, False]

    def test_what_tells_nothing(self, home, ada, mine):
        home.add(ada, agent="", ip="")
        card = cards(mine.get(PAGE))[1]
        assert card.startswith("Unknown device Last seen just now")

    def test_the_exact_times_are_in_the_markup(self, home, ada, mine):
        home.add(ada)
        html = mine.get(PAGE).content.decode()
        assert html.count(f'datetime="{home.clock.now.isoformat()}"') >= 2

    @pytest.mark.parametrize(
        ("agent", "kind"), [(FIREFOX, "computer"), (IPHONE, "mobile"), ("curl/8.5", "other")]
    )
    def test_its_picture_is_of_its_kind(self, home, ada, mine, agent, kind):
        handle = home.add(ada, agent=agent)
        request = HttpRequest()
        request.user, request.session = ada, mine.session
        assert devices.get(request, handle).kind == kind

    def test_kinds_look_different(self, home, ada, mine):
        for agent in (IPHONE, "curl/8.5"):
            home.add(ada, agent=agent)
        html = mine.get(PAGE).content.decode()
        pictures = {part.split("</svg>")[0] for part in html.split("<svg")[1:]}
        assert len(pictures) == 3

    @pytest.mark.parametrize("act", ACTS)
    def test_it_stands_where_something_is_done_to_it_without_links(self, home, ada, mine, act):
        handle = home.add(ada, label="Phone")
        response = mine.get(url(handle, act))
        (card,) = cards(response)
        assert card.startswith("Phone Firefox on Linux")
        assert "Rename" not in card
        assert 'name="label"' in response.content.decode() or act == "end"


class TestAlone:
    def test_there_is_nothing_to_sign_out_elsewhere(self, mine):
        assert "Sign out all other devices" not in words(mine.get(PAGE))
        page = mine.get(f"{PAGE}end-others/")
        assert "You are not signed in on any other device." in words(page)
        assert b"<form" not in page.content

    def test_with_another_there_is(self, home, ada, mine):
        home.add(ada)
        assert "Sign out all other devices" in words(mine.get(PAGE))

    def test_all_others_are_none(self, home, mine):
        response = mine.post(f"{PAGE}end-others/", follow=True)
        assert told(response) == ["You are not signed in on any other device."]
        assert (listed(response), home.ended) == ([own(mine)], [])


def test_all_others_are_named_first(home, ada, mine):
    home.add(ada, label="Phone")
    home.add(ada, label="Tablet")
    text = words(mine.get(f"{PAGE}end-others/"))
    assert "2 other devices will be signed out: Tablet Phone" in text


def test_as_far_as_they_can_be(home, ada, mine):
    for number in range(25):
        home.add(ada, label=f"Robot {number}")
    text = words(mine.get(f"{PAGE}end-others/"))
    assert "25 other devices" in text
    assert text.count("Robot") == 20
    assert "…" in text
