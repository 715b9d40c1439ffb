"""Recent authentication: is_recent() and confirm_password(), in both dialects."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_login_failed
from django.test import Client, RequestFactory

from django_multisession import sessions, signals
from django_multisession.auth import reauthentication
from django_multisession.backends.memory import SessionStore
from support.auth_pages import MODEL_BACKEND
from support.auth_worlds import inhabited
from support.project import hearing

LIMIT = timedelta(seconds=900)  # by default


class Doorman(ModelBackend):
    """A project's backend: accepts one word for the given user, and returns grace for another."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        assert request.path == "/sudo/"
        names = {"sesame": username, "wrong person": "grace"}
        return auth.get_user_model().objects.filter(username=names.get(password)).first()

    async def aauthenticate(self, request, **credentials):
        return await sync_to_async(self.authenticate)(request, **credentials)


@pytest.fixture
def wsgi_world(memory_storage, databases, settings, monkeypatch):
    """Return a world for tests that do not depend on the handler."""
    with inhabited(memory_storage, settings, monkeypatch) as world:
        yield world


def session_of(browser):
    return SessionStore(browser.key)


@pytest.fixture
def is_recent(dialect):
    return lambda browser: dialect(reauthentication).is_recent(session_of(browser))


def log_in(request):
    auth.login(request, auth.get_user_model().objects.get(username="ada"), MODEL_BACKEND)


async def alog_in(request):
    user = await auth.get_user_model().objects.aget(username="ada")
    await auth.alogin(request, user, MODEL_BACKEND)
    return await request.session.aget(reauthentication.AUTHENTICATED_AT)


class TestLogin:
    def test_its_time_is_noted(self, world, clock):
        at = session_of(world.browser("ada"))[reauthentication.AUTHENTICATED_AT]
        assert at == int(clock.now.timestamp())

    @pytest.mark.parametrize("script", [log_in, alog_in])
    def test_however_the_code_logs_in(self, world, clock, script):
        browser = world.browser()
        browser.run(script)
        assert session_of(browser)[reauthentication.AUTHENTICATED_AT] == int(clock.now.timestamp())

    def test_it_is_awaited_like_any_field(self, world, clock):
        response = world.browser().run(alog_in)
        assert response.content.decode() == str(int(clock.now.timestamp()))

    def test_by_force(self, wsgi_world, clock):
        client = Client()
        client.force_login(wsgi_world.ada)
        assert client.session[reauthentication.AUTHENTICATED_AT] == int(clock.now.timestamp())

    def test_of_a_visitor_whose_session_is_old(self, wsgi_world, clock, is_recent):
        browser = wsgi_world.browser()
        browser.run(lambda request: request.session.update({"cart": [1]}))
        begun = session_of(browser).created_at
        clock.advance(hours=1)
        browser.log_in("ada")
        assert session_of(browser).created_at == begun
        assert session_of(browser)["cart"] == [1]
        assert is_recent(browser)

    def test_once_more(self, wsgi_world, clock, is_recent):
        browser = wsgi_world.browser("ada")
        clock.advance(hours=1)
        assert not is_recent(browser)
        browser.log_in("ada")
        assert is_recent(browser)

    def test_use_alone_proves_nothing(self, wsgi_world, clock, is_recent):
        browser = wsgi_world.browser("ada")
        for _ in range(4):
            clock.advance(minutes=5)
            assert browser.user == "ada"
        assert not is_recent(browser)


class TestLately:
    @pytest.mark.parametrize("limit", [60, 60.5, timedelta(minutes=1)])
    def test_until_the_time_is_over(self, wsgi_world, clock, settings, limit, is_recent):
        settings.MULTISESSION_REAUTHENTICATION_TIMEOUT = limit
        browser = wsgi_world.browser("ada")
        clock.advance(seconds=58)
        assert is_recent(browser)
        clock.advance(seconds=3)
        assert not is_recent(browser)

    def test_by_default(self, wsgi_world, clock, is_recent):
        browser = wsgi_world.browser("ada")
        clock.now += LIMIT - timedelta(seconds=1)
        assert is_recent(browser)
        clock.advance(seconds=1)
        assert not is_recent(browser)

    def test_nobody_is_asked(self, wsgi_world, clock, settings, is_recent):
        settings.MULTISESSION_REAUTHENTICATION_TIMEOUT = None
        browser = wsgi_world.browser("ada")
        clock.advance(days=13)
        assert is_recent(browser)

    def test_a_session_that_code_began_counts_from_its_beginning(self, wsgi_world, clock):
        key = sessions.create(wsgi_world.ada).session_key
        clock.now += LIMIT - timedelta(seconds=1)
        assert reauthentication.is_recent(SessionStore(key))
        clock.advance(seconds=1)
        assert not reauthentication.is_recent(SessionStore(key))

    def test_one_from_before_all_this_too(self, wsgi_world, clock, is_recent):
        """A session from before this feature has no time of login."""
        browser = wsgi_world.browser("ada")
        holder = session_of(browser)
        del holder[reauthentication.AUTHENTICATED_AT]
        holder.save()
        assert is_recent(browser)
        clock.now += LIMIT
        assert not is_recent(browser)

    def test_one_that_is_not_there(self, wsgi_world):
        assert not reauthentication.is_recent(SessionStore("a" * 32))


@pytest.fixture
def old_request(wsgi_world, clock, dialect):
    """Return a request of ada, an hour after she signed in."""
    browser = wsgi_world.browser("ada")
    holder = session_of(browser)
    holder["cart"] = [1]
    holder.save()
    clock.advance(hours=1)
    request = RequestFactory().post("/sudo/")
    request.user, request.session = wsgi_world.ada, session_of(browser)
    request.auser = sync_to_async(lambda: wsgi_world.ada)
    request.reauthentication = dialect(reauthentication)
    return request


class TestConfirm:
    def test_the_password(self, wsgi_world, old_request, clock):
        old = old_request.session.session_key
        assert old_request.reauthentication.confirm_password(old_request, "demo") is True
        old_request.session.save()
        assert SessionStore(old).get("cart") is None
        again = SessionStore(old_request.session.session_key)
        assert again["cart"] == [1]
        assert reauthentication.is_recent(again)
        clock.now += LIMIT
        assert not reauthentication.is_recent(again)

    def test_the_session_lives_on_under_its_new_key(self, wsgi_world, old_request):
        old = old_request.session.handle
        with hearing(signals.session_ended) as ended:
            old_request.reauthentication.confirm_password(old_request, "demo")
        (event,) = ended
        assert (event["handle"], event["reason"]) == (old, "rotated")
        assert event["successor"] == old_request.session.handle
        assert len(wsgi_world.handles(wsgi_world.ada)) == 1

    @pytest.mark.parametrize("password", ["wrong", "", "DEMO", " demo", "demo\0"])
    def test_a_wrong_one_changes_nothing(self, old_request, password):
        key, fields = old_request.session.session_key, dict(old_request.session.items())
        assert old_request.reauthentication.confirm_password(old_request, password) is False
        assert not reauthentication.is_recent(old_request.session)
        assert (old_request.session.session_key, dict(old_request.session.items())) == (key, fields)
        assert not old_request.session.modified

    def test_somebody_elses(self, wsgi_world, old_request):
        wsgi_world.grace.set_password("hers")
        wsgi_world.grace.save()
        assert old_request.reauthentication.confirm_password(old_request, "hers") is False

    def test_who_counts_failures_hears_of_it(self, old_request):
        with hearing(user_login_failed) as failures:
            old_request.reauthentication.confirm_password(old_request, "wrong")
            old_request.reauthentication.confirm_password(old_request, "demo")
        (facts,) = failures
        assert facts["credentials"]["username"] == "ada"
        assert "wrong" not in str(facts["credentials"])
        assert facts["request"] is old_request

    def test_who_may_not_sign_in_any_more(self, wsgi_world, old_request):
        type(wsgi_world.ada).objects.filter(pk=wsgi_world.ada.pk).update(is_active=False)
        assert old_request.reauthentication.confirm_password(old_request, "demo") is False

    @pytest.mark.parametrize(
        ("word", "is_right"), [("sesame", True), ("demo", False), ("wrong person", False)]
    )
    def test_the_projects_own_way_to_sign_in_is_asked(self, settings, old_request, word, is_right):
        """A backend may also return another user, which does not count."""
        settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Doorman"]
        assert old_request.reauthentication.confirm_password(old_request, word) is is_right
        assert reauthentication.is_recent(old_request.session) is is_right

    def test_in_a_session_that_code_began(self, wsgi_world, old_request, clock):
        old_request.session = SessionStore(sessions.create(wsgi_world.ada).session_key)
        clock.advance(hours=1)
        assert old_request.reauthentication.confirm_password(old_request, "demo") is True
        assert reauthentication.is_recent(SessionStore(old_request.session.session_key))
