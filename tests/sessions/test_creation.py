"""`sessions.create`: sessions without a browser, whose key is a token."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncClient, Client, RequestFactory

from django_multisession import signals
from django_multisession.auth.reauthentication import AUTHENTICATED_AT
from django_multisession.core import keys
from django_multisession.session import SessionStore
from support.auth_pages import MODEL_BACKEND
from support.project import as_spoken, failing, hearing
from support.user_agents import FIREFOX

USERS = get_user_model()


@pytest.fixture
def ada(databases):
    user = USERS.objects.create_user("ada", password="demo")
    yield user
    USERS.objects.filter(username="ada").delete()


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def whoami(request):
    """``whoami(key)``: the user that the demo project sees in a request with this key, or None."""

    def whoami(key):
        browser = request.param()
        browser.cookies["sessionid"] = key
        get = browser.get if request.param is Client else async_to_sync(browser.get)
        return get("/api/session/").json()["user"]

    return whoami


class TestToken:
    @pytest.mark.parametrize("dialect", ["blocking"], indirect=True)
    def test_it_logs_in_on_every_storage(self, api, ada):
        holder = api.create(ada, label="CI")
        browser = Client()
        browser.cookies["sessionid"] = holder.session_key
        answer = browser.get("/api/session/").json()
        assert (answer["user"], answer["references"]) == ("ada", {"user": str(ada.pk)})

    def test_it_logs_in_over_both_handlers_until_it_is_ended(self, quick, ada, whoami):
        key = quick.create(ada).session_key
        assert whoami(key) == "ada"
        quick.end(keys.hash_key(key))
        assert whoami(key) is None

    def test_a_new_password_ends_it(self, quick, ada, whoami):
        key = quick.create(ada).session_key
        USERS.objects.filter(pk=ada.pk).update(password="other")  # no signal is sent
        assert whoami(key) is None

    def test_without_a_user_nobody_is_logged_in(self, quick, databases, whoami):
        holder = quick.create(data={"cart": [1]})
        assert whoami(holder.session_key) is None
        assert (quick.get(holder.handle).user_id, holder.references) == (None, {})

    def test_no_list_and_no_signal_contains_the_key(self, quick):
        with hearing(signals.session_created) as events:
            holder = quick.create(data={"_auth_user_id": "1"})
        assert events == [{"handle": holder.handle, "references": {"user": "1"}}]
        assert holder.session_key not in repr((events, quick.for_user(1), holder))

    def test_a_broken_receiver_breaks_nothing_and_is_logged(self, quick, caplog):
        with failing(signals.session_created):
            holder = quick.create()
        assert quick.get(holder.handle) is not None
        assert "a broken receiver" in caplog.text


class TestUser:
    def test_the_fields_are_those_of_djangos_login(self, quick, ada):
        holder, browser = quick.create(ada, data={"note": 1}), Client()
        browser.force_login(ada)
        login = browser.session
        set_by_signal = {AUTHENTICATED_AT: login[AUTHENTICATED_AT]}
        assert {**holder, **set_by_signal} == {"note": 1, **login}

    def test_the_user_wins_over_the_data(self, quick, ada):
        assert quick.create(ada, data={"_auth_user_id": "7"})["_auth_user_id"] == str(ada.pk)

    @pytest.mark.parametrize(
        "user", [1, "1", AnonymousUser(), USERS(), SimpleNamespace(pk=1), False, "", 0]
    )
    def test_anything_but_a_saved_user_object_is_refused(self, quick, user):
        """A session without the hash of the user's password would log nobody in."""
        with pytest.raises(ValueError, match=r"not a user object|not a saved user"):
            quick.create(user)
        assert quick.count() == 0

    def test_with_several_backends_the_user_has_to_name_one(self, quick, settings):
        settings.AUTHENTICATION_BACKENDS = ["one.Backend", MODEL_BACKEND]
        user = USERS(pk=1)
        user._state.adding = False  # as if it were saved
        with pytest.raises(ValueError, match=r"AUTHENTICATION_BACKENDS: set user\.backend"):
            quick.create(user)
        assert quick.count() == 0
        user.backend = MODEL_BACKEND
        assert quick.create(user)["_auth_user_backend"] == MODEL_BACKEND


class TestLabel:
    def test_it_is_stored_unchanged(self, api):
        for label in ("", "CI", "\U0001f36a" * 100, "<b>'\"%s;--\\ ", "\r\n"):
            assert api.get(api.create(label=label).handle).label == label

    def test_a_longer_one_is_refused(self, quick):
        with pytest.raises(ValueError, match="100 characters at most, not 101"):
            quick.create(label="x" * 101)
        assert quick.count() == 0

    @pytest.mark.parametrize("label", ["a\0b", "a\ud800b"], ids=["NUL", "surrogate"])
    def test_one_that_not_every_server_can_keep_is_refused(self, quick, label):
        with pytest.raises(ValueError, match="label"):
            quick.create(label=label)
        assert quick.count() == 0

    def test_it_survives_a_login_and_a_touch(self, quick, clock):
        holder = quick.create(label="CI")
        holder.cycle_key()
        clock.advance(minutes=5)
        holder.touch()
        holder["_auth_user_id"] = "1"
        holder.save()
        assert quick.get(holder.handle).label == "CI"


class TestExpiry:
    @pytest.mark.parametrize("expires_in", [3600, 3600.0, timedelta(hours=1)])
    def test_seconds_or_a_timedelta(self, quick, clock, expires_in):
        left = quick.create(expires_in=expires_in).expires_at - clock.now
        assert abs(left - timedelta(hours=1)) < timedelta(minutes=1)

    def test_it_expires_even_if_it_is_used(self, api, clock):
        holder = as_spoken(api, api.create(expires_in=3600))
        clock.advance(minutes=50)
        holder.update({"used": True})
        holder.save()
        clock.advance(minutes=11)
        assert api.get(holder.subject.handle) is None

    def test_the_expiry_counts_by_the_clock_of_the_storage(self, quick, clock):
        clock.advance(days=-30)
        holder = quick.create(expires_in=60)
        assert holder.expires_at - holder.created_at == timedelta(seconds=60)

    def test_without_one_the_session_has_the_usual_lifetime(self, quick, clock, settings):
        settings.SESSION_COOKIE_AGE = 100
        holder = quick.create()
        assert holder.expires_at == clock.now + timedelta(seconds=100)

    def test_the_absolute_end_comes_first(self, quick, clock, settings):
        settings.MULTISESSION_ABSOLUTE_AGE = 600
        assert quick.create(expires_in=3600).expires_at == clock.now + timedelta(seconds=600)

    @pytest.mark.parametrize("expires_in", [0, -1, timedelta(0)])
    def test_it_may_have_expired_at_once(self, quick, clock, expires_in):
        holder = quick.create(expires_in=expires_in)
        clock.advance(minutes=1)
        assert quick.get(holder.handle) is None
        assert not holder.exists(holder.session_key)

    @pytest.mark.parametrize("expires_in", [float("nan"), float("inf"), 1e300])
    def test_a_value_that_is_not_a_duration_is_refused(self, quick, expires_in):
        with pytest.raises((ValueError, OverflowError)):
            quick.create(expires_in=expires_in)
        assert quick.count() == 0

    def test_it_may_be_a_hundred_years_away(self, quick):
        assert quick.create(expires_in=100 * 365 * 86400).expires_at.year > 2100


class TestRequest:
    def test_its_client_is_stored(self, api):
        request = RequestFactory().get("/", REMOTE_ADDR="2001:DB8::1", HTTP_USER_AGENT=FIREFOX)
        info = api.get(api.create(request=request).handle)
        assert (info.ip, info.user_agent) == ("2001:db8::1", FIREFOX)
        assert info.device == "Firefox on Linux"

    def test_its_session_is_not_used(self, quick):
        request = RequestFactory().get("/")
        request.session = quick.create(data={"cart": [1]})
        holder = quick.create(request=request)
        assert holder.handle != request.session.handle
        assert dict(holder.items()) == {}

    def test_without_one_the_client_is_unknown(self, quick):
        info = quick.get(quick.create().handle)
        assert (info.ip, info.user_agent, info.device) == (None, "", "")


@pytest.mark.parametrize("data", [{"a": object()}, {"a\0b": 1}, {"_auth_user_id": [1]}])
def test_data_that_cannot_be_kept_stores_nothing(quick, data):
    with pytest.raises((TypeError, ValueError)):
        quick.create(data=data)
    assert quick.count() == 0


def test_the_data_given_is_left_alone(quick):
    data = {"cart": [1]}
    quick.create(data=data, expires_in=60)
    assert data == {"cart": [1]}


def test_it_is_a_session_of_the_engine(quick):
    holder = quick.create()
    assert isinstance(holder, SessionStore)
    assert keys.is_key(holder.session_key)
