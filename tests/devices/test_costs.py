"""Device pages: their cost in storage calls and database queries."""

from __future__ import annotations

import pytest

from django_multisession.forms import ConfirmForm
from support.admin_site import own
from support.costs import counting
from support.device_pages import END_OTHERS, PAGE, STALE, url

# Reading the user's session is one read, and loading the user is one query.
ONE = {"read": 1}
NUMBERS = pytest.mark.parametrize("number", [1, 45])


@pytest.fixture
def other(home, ada):
    return home.add(ada)


@pytest.fixture
def cost(home, mine, monkeypatch):
    """Return a function that sends a request and returns its storage calls and database queries."""

    def ask(method, path, **data):
        with counting(home.storage, monkeypatch) as counted:
            assert method(path, data).status_code in (200, 302, 404)
        return counted

    return ask


@NUMBERS
def test_the_list(home, ada, mine, cost, number):
    home.several(number, user=ada)
    assert cost(mine.get, PAGE) == [{**ONE, "find": 1}, 1]
    assert cost(mine.get, PAGE, page=2) == [{**ONE, "find": 1}, 1]


@pytest.mark.parametrize("act", ["rename", "end"])
def test_a_page_of_one(mine, other, cost, act):
    assert cost(mine.get, url(other, act)) == [{"read": 2}, 1]


def test_one_that_is_not_there(mine, cost):
    assert cost(mine.get, url("A" * 43, "end")) == [{"read": 2}, 1]
    assert cost(mine.get, url("nonsense", "end")) == [ONE, 1]


def test_another_name(mine, other, cost):
    assert cost(mine.post, url(other, "rename"), label="x") == [{"read": 2, "update": 1}, 1]


def test_to_end_one(mine, other, cost):
    assert cost(mine.post, url(other, "end")) == [{"read": 2, "delete": 1}, 1]


def test_to_sign_out_here(mine, other, cost):
    assert cost(mine.post, url(own(mine), "end")) == [{"read": 2, "delete": 1}, 1]


@NUMBERS
def test_all_others(home, ada, mine, cost, number):
    home.several(number, user=ada)
    assert cost(mine.get, END_OTHERS) == [{**ONE, "find": 1}, 1]
    assert cost(mine.post, END_OTHERS) == [{**ONE, "delete_matching": 1}, 1]


def test_a_password_is_a_new_key_and_one_query(home, mine, other, cost):
    """After that time a touch is due, too; it is part of the rename to the new key."""
    home.clock.advance(**STALE)
    verbs, queries = cost(mine.post, url(other, "end"), password="demo")
    assert verbs == {"read": 2, "rename": 1, "delete": 1}
    assert queries == 2


def test_visitors_cost_nothing(home, other, cost):
    visitor = home.browser()
    for page in (PAGE, END_OTHERS, url(other, "end")):
        assert cost(visitor.get, page) == [{}, 0]


def test_whether_to_ask_costs_nothing(home, ada, mine, monkeypatch, rf):
    request = rf.get("/")
    request.user, request.session = ada, mine.session
    assert request.session["_auth_user_id"]
    with counting(home.storage, monkeypatch) as counted:
        assert not ConfirmForm(request=request).fields
    assert counted == [{}, 0]
