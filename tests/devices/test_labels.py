"""Device pages: names of devices, which may contain anything and are shown unchanged."""

from __future__ import annotations

from html import unescape

import pytest

from django_multisession import sessions
from django_multisession.forms import LabelForm
from support.admin_site import MARKUP, own, told, words
from support.device_pages import END_OTHERS, PAGE, STALE, cards, named, url
from support.user_agents import FIREFOX

SCRIPT = "<script>alert(1)</script>"
EVIL = f"{MARKUP}{SCRIPT}"


@pytest.fixture
def phone(home, ada):
    return home.add(ada, label="Phone")


def rename(browser, handle, label):
    return browser.post(url(handle, "rename"), {"label": label}, follow=True)


def label_of(handle):
    return sessions.get(handle).label


class TestRename:
    def test_the_form_has_the_old_name(self, mine, phone):
        assert 'value="Phone"' in mine.get(url(phone, "rename")).content.decode()

    def test_it_is_saved_and_told(self, mine, phone):
        response = rename(mine, phone, "Kitchen")
        assert response.redirect_chain == [(PAGE, 302)]
        assert told(response) == ["The name is saved."]
        assert named(response)[phone] == "Kitchen"

    def test_nobody_is_asked_who_they_are(self, home, mine, phone):
        home.clock.advance(**STALE)
        assert b'type="password"' not in mine.get(url(phone, "rename")).content
        rename(mine, phone, "Kitchen")
        assert label_of(phone) == "Kitchen"

    def test_it_is_no_use_of_the_device(self, home, mine, phone):
        before = sessions.get(phone)
        home.clock.advance(minutes=5)
        rename(mine, phone, "Kitchen")
        after = sessions.get(phone)
        assert (after.last_seen_at, after.expires_at) == (before.last_seen_at, before.expires_at)

    @pytest.mark.parametrize("nothing", ["", "   ", "\t\n"])
    def test_without_a_name_it_is_called_after_what_it_is(self, mine, phone, nothing):
        assert named(rename(mine, phone, nothing))[phone] == "Firefox on Linux"
        assert label_of(phone) == ""

    def test_a_form_without_the_field_takes_the_name_away(self, mine, phone):
        """A missing field counts as an empty one."""
        assert mine.post(url(phone, "rename")).status_code == 302
        assert label_of(phone) == ""

    def test_space_around_it_is_not_part_of_it(self, mine, phone):
        rename(mine, phone, "  My  phone ")
        assert label_of(phone) == "My  phone"

    @pytest.mark.parametrize("character", ["x", "\U0001f36a"])
    def test_the_longest(self, mine, phone, character):
        rename(mine, phone, 100 * character)
        assert label_of(phone) == 100 * character
        response = rename(mine, phone, 101 * character)
        assert "at most 100 characters (it has 101)" in words(response)
        assert label_of(phone) == 100 * character

    def test_what_cannot_be_stored_is_refused(self, mine, phone):
        response = rename(mine, phone, "a\0b")
        assert "Null characters are not allowed." in words(response)
        assert label_of(phone) == "Phone"

    def test_half_a_character(self):
        form = LabelForm({"label": "\ud83c"})
        assert form.errors == {"label": ["This name contains a character that cannot be stored."]}

    def test_a_mistake_keeps_what_was_typed(self, mine, phone):
        response = rename(mine, phone, f"{'x' * 101}{EVIL}")
        html = response.content.decode()
        assert SCRIPT not in html
        assert EVIL in unescape(html)

    def test_the_old_name_stays_above_the_form(self, mine, phone):
        (card,) = cards(rename(mine, phone, 101 * "x"))
        assert card.startswith("Phone ")

    def test_one_that_ends_meanwhile_has_no_name(self, home, mine, phone, monkeypatch):
        """The device may be signed out between reading and changing it."""
        update = home.storage.update

        def late(handle, change):
            home.storage.delete(phone)
            return update(handle, change)

        monkeypatch.setattr(home.storage, "update", late)
        response = rename(mine, phone, "Kitchen")
        assert told(response) == ["This device was already signed out."]
        assert not home.is_there(phone)


@pytest.fixture
def pages(home, ada, mine):
    """Return a function that opens every page that shows a device's name, messages included."""

    def walk(handle):
        found = [mine.get(PAGE), mine.get(END_OTHERS)]
        found += [mine.get(url(handle, act)) for act in ("rename", "end")]
        home.clock.advance(**STALE)
        found.append(mine.post(url(handle, "end"), {"password": "wrong"}))
        found.append(mine.post(url(handle, "end"), {"password": "demo"}, follow=True))
        return found

    return walk


class TestEscaping:
    @pytest.mark.parametrize("evil", [EVIL, "\" onmouseover='alert(1)", "</title>{{ 7|add:1 }}"])
    def test_a_name_is_text(self, home, ada, pages, evil):
        for page in pages(home.add(ada, label=evil)):
            html = page.content.decode()
            assert page.status_code == 200
            assert evil not in html
            assert evil in unescape(html)

    def test_a_user_agent_is_text(self, home, ada, pages):
        for page in pages(home.add(ada, agent=f"{EVIL}-crawler/1.0")):
            html = page.content.decode()
            assert page.status_code == 200
            assert SCRIPT not in html
            assert MARKUP not in html

    def test_a_name_is_no_format(self, home, ada, pages):
        name = "%(device)s%s{0}%(number)d"
        for page in pages(home.add(ada, label=name)):
            assert name in words(page)

    def test_a_name_that_runs_the_other_way_turns_nothing_else(self, home, ada, pages):
        """The name is inside a <bdi> element wherever other text surrounds it."""
        name = "\u202egnp.exe"
        *shown, last = pages(home.add(ada, label=name))
        for page in shown:
            html = page.content.decode()
            assert name in html
            assert html.count(name) - html.count(f'value="{name}"') == html.count(
                f"<bdi>{name}</bdi>"
            )
        assert last.status_code == 200


def test_a_name_is_kept_through_whatever_the_device_does(home, mine):
    """The device's own requests and logins do not change its name."""
    rename(mine, own(mine), "Desk")
    home.clock.advance(minutes=5)
    assert named(mine.get(PAGE)) == {own(mine): "Desk"}
    mine.post("/login/", {"username": "ada", "password": "demo"}, HTTP_USER_AGENT=FIREFOX)
    assert named(mine.get(PAGE)) == {own(mine): "Desk"}
