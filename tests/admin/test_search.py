"""The search box: IP addresses, networks, handles, references, and users."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from django_multisession.admin import SessionAdmin, search
from support.admin_site import MARKUP, PAGE, found, listed, opened, own, told, words

pytestmark = pytest.mark.usefixtures("org_reference")


class TestUsers:
    @pytest.fixture(params=[True, False], ids=["their admin", "no admin"])
    def registered(self, request, monkeypatch):
        if not request.param:
            monkeypatch.delitem(admin.site._registry, User)

    @pytest.fixture
    def ada(self, office):
        return office.user("ada", email="ada@example.org", last_name="Lovelace")

    @pytest.mark.parametrize("text", ["ada", "ada@example.org", " ada ", "{pk}"])
    def test_by_name_address_and_key(self, office, browser, ada, registered, text):
        handles = {*office.several(2, user=ada)}
        office.add(office.user("grace"))
        office.add()
        assert found(browser, text.format(pk=ada.pk)) == handles

    def test_as_their_own_admin_searches(self, office, browser, ada):
        handle = office.add(ada)
        assert found(browser, "lovel") == found(browser, "example.org ada") == {handle}

    def test_without_it_as_they_are_called(self, office, browser, ada, monkeypatch):
        handle = office.add(ada)
        monkeypatch.setattr(UserAdmin, "search_fields", ())
        assert found(browser, "lovel") == found(browser, "ad") == set()
        assert found(browser, "ada") == {handle}

    def test_whom_their_admin_does_not_show(self, office, browser, ada, monkeypatch):
        office.add(ada)
        monkeypatch.setattr(UserAdmin, "get_queryset", lambda self, r: User.objects.none())
        assert found(browser, "ada") == set()

    def test_the_one_of_this_key_comes_first(self, office, browser, ada, monkeypatch):
        """The primary key takes precedence over a user name of the same text."""
        monkeypatch.setattr(search, "MAX_USERS", 1)
        handle = office.add(ada)
        office.add(office.user(f"{ada.pk}"))
        response = browser.get(PAGE, {"q": f"{ada.pk}"})
        assert listed(response) == [handle]
        assert "More than 1 users match" in words(response)

    def test_more_than_are_looked_for(self, office, browser):
        users = [office.user(f"clone-{number:02}") for number in range(12)]
        handles = [office.add(user) for user in users]
        response = browser.get(PAGE, {"q": "clone"})
        assert {*listed(response)} == {*handles[:10]}
        assert "More than 10 users match" in words(response)

    def test_as_many_as_are_looked_for(self, office, browser):
        handles = {office.add(office.user(f"clone-{number}")) for number in range(10)}
        response = browser.get(PAGE, {"q": "clone"})
        assert {*listed(response)} == handles
        assert "users match" not in words(response)

    def test_who_has_none(self, office, browser, ada):
        assert found(browser, "ada") == set()

    def test_who_is_there_no_more(self, office, browser, ada):
        handle, key = office.add(ada), ada.pk
        User.objects.filter(pk=key)._raw_delete("default")  # sends no signal
        assert found(browser, f"user:{key}") == {handle}
        assert f"user {key}" in words(browser.get(PAGE, {"q": f"user:{key}"}))
        assert found(browser, f"{key}") == set()

    def test_a_key_that_is_none_of_this_model(self, office, browser):
        for key in ("x", "9" * 30, "-1", "1.5", "é"):
            handle = office.add(data={"_auth_user_id": key})
            assert handle in found(browser, f"user:{key}")
        assert "user 999999" in words(browser.get(PAGE))

    def test_sessions_that_do_not_know_them(self, office, browser, settings):
        settings.MULTISESSION_REFERENCES = {"org": "org_id"}
        handle = office.add(data={"org_id": 7})
        for text in ("ada", "user:1", "1"):
            response = browser.get(PAGE, {"q": text})
            assert listed(response) == []
            assert "MULTISESSION_REFERENCES" in words(response)
        assert found(browser, "org:7") == {handle}
        assert handle in listed(browser.get(PAGE))


class TestAddresses:
    CASES = [
        ("192.0.2.7", {"a"}),
        ("192.0.2.0/24", {"a", "b"}),
        ("192.0.2.9/24", {"a", "b"}),  # host bits are ignored
        ("192.0.2.0/255.255.255.0", {"a", "b"}),
        ("2001:db8::7", {"c"}),
        ("2001:DB8:0:0:0:0:0:7", {"c"}),
        ("2001:db8::/32", {"c"}),
        ("0.0.0.0/0", {"a", "b", "d"}),
        ("::/0", {"c"}),
        (" 198.51.100.7 ", {"d"}),
        ("203.0.113.1", set()),
    ]
    ADDRESSES = {"a": "192.0.2.7", "b": "192.0.2.8", "c": "2001:db8::7", "d": "198.51.100.7"}

    @pytest.fixture
    def handles(self, office):
        return {name: office.add(ip=ip) for name, ip in self.ADDRESSES.items()}

    @pytest.mark.parametrize(("text", "names"), CASES)
    def test_among_few(self, browser, handles, text, names):
        shown = found(browser, text) - {own(browser)}
        assert shown == {handles[name] for name in names}

    def test_as_it_comes_from_a_socket_of_both_kinds(self, browser, handles):
        """Servers log IPv4 addresses in this form if their socket also accepts IPv6."""
        assert found(browser, "::ffff:192.0.2.7") == {handles["a"]}

    def test_among_many(self, office, browser, handles, monkeypatch):
        monkeypatch.setattr(search, "MAX_SORTED", 3)
        monkeypatch.setattr(SessionAdmin, "list_per_page", 10)
        response = browser.get(PAGE, {"q": "192.0.2.0/24"})
        assert {*listed(response)} == {handles["a"], handles["b"]}
        assert "Searched 5 sessions." in words(response)

    def test_with_no_address_known(self, office, browser):
        handle = office.add(ip="")
        assert handle not in found(browser, "0.0.0.0/0")


class TestHandles:
    def test_a_session(self, office, browser):
        handle = office.several(3)[1]
        assert found(browser, handle) == found(browser, f" {handle} ") == {handle}

    def test_none(self, office, browser):
        assert found(browser, "A" * 43) == set()

    def test_one_that_is_over(self, office, browser):
        handle = office.add(expires_in=60)
        office.clock.advance(minutes=2)
        assert found(browser, handle) == set()


class TestReferences:
    VALUES = ["7", "a b", "a:b", "é😀", MARKUP, "192.0.2.0/24", "'; --", "A" * 43, "x" * 255]

    @pytest.mark.parametrize("value", VALUES)
    def test_by_their_value(self, office, browser, value):
        handle = office.add(data={"org_id": value})
        office.add(data={"org_id": f"{value}0"[-255:]})
        assert found(browser, f"org:{value}") == {handle}
        assert found(browser, f" org: {value} ") == {handle}

    def test_none_has_it(self, office, browser):
        office.add(data={"org_id": "7"})
        for text in ("org:8", "org:", "org", "Org:7", "team:7", "org 7"):
            assert found(browser, text) == set(), text

    def test_what_is_no_reference_may_be_a_name(self, office, browser):
        user = office.user("team7")
        User.objects.filter(pk=user.pk).update(last_name="team:7")
        handle = office.add(user)
        assert found(browser, "team:7") == {handle}

    def test_one_that_nobody_can_have(self, browser):
        response = browser.get(PAGE, {"q": f"org:{'x' * 256}"})
        assert response.status_code in {200, 302}

    def test_a_nul_is_an_error_of_the_form(self, office, browser):
        response = browser.get(PAGE, {"q": "org:\0"})
        assert told(response) == ["Null characters are not allowed."]


def test_on_every_storage(storage, databases, settings, monkeypatch):
    with opened(storage, settings, monkeypatch) as office:
        browser, ada = office.root(), office.user("ada")
        handle = office.add(ada, ip="198.51.100.7")
        office.add()
        for text in ("ada", "198.51.100.7", f"user:{ada.pk}", handle):
            assert found(browser, text) == {handle}, text
