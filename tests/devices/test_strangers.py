"""Device pages: anonymous visitors, other users' devices, and cross-site requests."""

from __future__ import annotations

import pytest
from django.test import Client

from django_multisession import sessions
from support.admin_site import is_logged_in, own
from support.device_pages import ACTS, END_OTHERS, LOGIN, PAGE, PASSWORD, token_of, url

METHODS = ["get", "post", "head", "put", "delete", "options", "patch"]
NONSENSE = ["x", "A" * 42, "A" * 44, "%00" * 43, "%C3%A4" * 43, "A" * 42 + "%0A", "..", "'" * 43]
FORMS = {"rename": {"label": "mine"}, "end": {"password": PASSWORD}}


@pytest.fixture
def hers(home, mine):
    """Return the handle of a device of grace."""
    return home.add(home.user("grace"), label="Phone")


@pytest.fixture
def pages(mine, home, ada):
    """Return the paths of all pages, for a device of ada."""
    handle = home.add(ada)
    return [PAGE, END_OTHERS, *(url(handle, act) for act in ACTS)]


class TestVisitors:
    @pytest.mark.parametrize("method", METHODS)
    def test_they_are_asked_to_sign_in_and_come_back(self, home, pages, method):
        visitor = home.browser()
        for page in pages:
            response = getattr(visitor, method)(page)
            assert (response.status_code, response.url) == (302, f"{LOGIN}?next={page}")
        assert home.ended == []

    def test_they_do_not_learn_what_there_is(self, home, hers):
        visitor = home.browser()
        for handle in (hers, "A" * 43, "x"):
            response = visitor.post(url(handle, "end"))
            assert response.url == f"{LOGIN}?next={url(handle, 'end')}"
        assert home.is_there(hers)

    def test_the_page_to_sign_in_is_the_projects(self, home, pages, settings):
        settings.LOGIN_URL = "/sso/"
        assert home.browser().get(PAGE).url == f"/sso/?next={PAGE}"

    def test_a_session_without_a_user(self, home, pages):
        visitor = home.browser()
        visitor.cookies["sessionid"] = sessions.create(data={"cart": [1]}).session_key
        assert visitor.get(PAGE).url == f"{LOGIN}?next={PAGE}"
        assert visitor.post(END_OTHERS).status_code == 302
        assert home.ended == []

    def test_one_that_was_ended_elsewhere(self, home, ada, mine):
        sessions.end(own(mine))
        assert mine.get(PAGE).url == f"{LOGIN}?next={PAGE}"

    def test_who_was_deactivated(self, home, ada, mine):
        type(ada).objects.filter(pk=ada.pk).update(is_active=False)
        assert mine.post(END_OTHERS).url == f"{LOGIN}?next={END_OTHERS}"


def facts_of(response):
    """Return the headers except Expires, which depends on the time."""
    return tuple(pair for pair in response.headers.items() if pair[0] != "Expires")


class TestNotOnes:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("act", ACTS)
    def test_all_that_is_not_ones_own_looks_alike(self, home, ada, mine, hers, method, act):
        gone, over = home.add(ada), home.add(ada, expires_in=60)
        nobodys = home.add()
        sessions.end(gone)
        home.clock.advance(minutes=2)
        home.ended.clear()
        handles = [hers, gone, over, nobodys, "A" * 43, *NONSENSE]
        form = [FORMS[act]] if method == "post" else []
        responses = [getattr(mine, method)(url(each, act), *form) for each in handles]
        assert {each.status_code for each in responses} == {404}
        assert len({each.content for each in responses}) == 1
        assert len({facts_of(each) for each in responses}) == 1
        assert home.ended == []
        assert sessions.get(hers).label == "Phone"

    def test_all_others_are_ones_own(self, home, mine, hers):
        nobodys = home.add()
        mine.post(END_OTHERS)
        assert home.is_there(hers)
        assert home.is_there(nobodys)

    def test_a_user_whose_key_begins_like_ones_own(self, home, ada, mine):
        handle = home.add(data={"_auth_user_id": f"{ada.pk}0"})
        assert mine.get(url(handle, "end")).status_code == 404
        mine.post(END_OTHERS)
        assert home.is_there(handle)

    def test_the_administrator_has_no_more_rights_here(self, home, hers):
        root = home.browser(home.user("root", is_staff=True, is_superuser=True))
        assert root.post(url(hers, "end")).status_code == 404
        assert home.is_there(hers)

    def test_no_page_has_the_key(self, home, ada, mine, pages):
        """No page contains the key of the current session, the only key in the request."""
        key = mine.cookies["sessionid"].value
        responses = [mine.get(page) for page in [*pages, url(own(mine), "end")]]
        responses.append(mine.post(pages[-1], follow=True))
        for response in responses:
            assert response.status_code == 200
            assert key not in response.content.decode()
            assert key not in str(response.headers)


CSRF = "django.middleware.csrf.CsrfViewMiddleware"


@pytest.fixture(params=[True, False], ids=["with", "without"])
def strict(request, home, ada, settings):
    """Return a client that checks CSRF, in projects with and without Django's CSRF middleware."""
    if not request.param:
        settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != CSRF]
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["sessionid"] = sessions.create(ada).session_key
    return browser


class TestForgery:
    @pytest.mark.parametrize("method", ["post", "put"])
    def test_a_form_of_another_page_is_refused(self, home, ada, strict, method):
        other = home.add(ada, label="Phone")
        for page in (url(other, "end"), url(other, "rename"), url(own(strict), "end"), END_OTHERS):
            assert getattr(strict, method)(page, {"label": "x"}).status_code == 403
        assert home.ended == []
        assert sessions.get(other).label == "Phone"
        assert is_logged_in(strict)

    def test_a_form_of_the_page_is_taken(self, home, ada, strict):
        other = home.add(ada)
        page = strict.get(url(other, "end"))
        data = {"csrfmiddlewaretoken": token_of(page)}
        assert strict.post(url(other, "end"), data).status_code == 302
        assert not home.is_there(other)

    def test_with_tokens_that_are_kept_in_sessions(self, home, ada, strict, settings):
        settings.CSRF_USE_SESSIONS = True
        other = home.add(ada)
        data = {"csrfmiddlewaretoken": token_of(strict.get(END_OTHERS))}
        assert strict.post(END_OTHERS, data).status_code == 302
        assert not home.is_there(other)


def test_nothing_is_kept_by_caches(mine, pages):
    for page in [*pages, url("A" * 43, "end")]:
        response = mine.get(page)
        assert response.status_code in (200, 404)
        kept = {each.strip() for each in response["Cache-Control"].split(",")}
        assert {"no-store", "private"} <= kept
        assert "Cookie" in response["Vary"]
