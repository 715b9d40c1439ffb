"""The engines as Django uses them: logins, logouts, commands and handlers, in both dialects."""

from __future__ import annotations

import uuid
from functools import partial

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from django_multisession import signals
from django_multisession.backends import db, memory
from django_multisession.web import current_request
from support.project import store_on

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Blocking:
    """Django's sync functions."""

    login = staticmethod(auth.login)
    logout = staticmethod(auth.logout)
    update_session_auth_hash = staticmethod(auth.update_session_auth_hash)
    get_user = staticmethod(auth.get_user)
    save = staticmethod(lambda session: session.save())


class Awaited:
    """Django's async functions, awaited."""

    login = staticmethod(async_to_sync(auth.alogin))
    logout = staticmethod(async_to_sync(auth.alogout))
    update_session_auth_hash = staticmethod(async_to_sync(auth.aupdate_session_auth_hash))
    get_user = staticmethod(async_to_sync(auth.aget_user))

    @staticmethod
    @async_to_sync
    async def save(session):
        await session.asave()


@pytest.fixture(params=[Blocking, Awaited], ids=["blocking", "awaited"])
def django_auth(request):
    return request.param


@pytest.fixture
def users(databases):
    manager = get_user_model().objects
    made = [manager.create_user(name, password="demo") for name in ("ada", "grace")]
    yield made
    manager.filter(username__in=["ada", "grace"]).delete()


@pytest.fixture
def store(storage):
    return store_on(storage)


@pytest.fixture
def request_with(store):
    """Return a function that returns a request with the session of this key."""

    def make(key=None):
        request = HttpRequest()
        request.session = store(key)
        return request

    return make


@pytest.fixture
def logged_in(request_with, users, django_auth):
    """Return a request of ada, logged in and saved."""
    request = request_with()
    django_auth.login(request, users[0], MODEL_BACKEND)
    django_auth.save(request.session)
    return request


def found(storage, user):
    return [id for id, _ in storage.find("user", str(user.pk))]


def test_a_login_is_indexed_in_both_dialects(storage, logged_in, users):
    """Other engines do not index async logins, nor does the example in Django's documentation."""
    assert found(storage, users[0]) == [logged_in.session.handle]


def test_the_next_request_knows_the_user(logged_in, request_with, users, django_auth):
    assert django_auth.get_user(request_with(logged_in.session.session_key)) == users[0]


def test_logging_in_again_gives_a_new_key(
    storage, store, logged_in, request_with, users, django_auth
):
    old = logged_in.session.session_key
    request = request_with(old)
    django_auth.login(request, users[0], MODEL_BACKEND)
    django_auth.save(request.session)
    assert request.session.session_key != old
    assert not store().exists(old)
    assert found(storage, users[0]) == [request.session.handle]


def test_logging_in_twice_on_one_object_gives_two_keys(logged_in, users, django_auth):
    first = logged_in.session.session_key
    django_auth.login(logged_in, users[0], MODEL_BACKEND)
    assert logged_in.session.session_key != first


def test_logging_in_keeps_what_the_visitor_had(request_with, users, django_auth):
    visitor = request_with()
    visitor.session["cart"] = [1]
    django_auth.save(visitor.session)
    request = request_with(visitor.session.session_key)
    django_auth.login(request, users[0], MODEL_BACKEND)
    django_auth.save(request.session)
    assert request_with(request.session.session_key).session["cart"] == [1]


def test_logging_in_as_another_ends_the_firsts_session(
    storage, logged_in, request_with, users, django_auth
):
    logged_in.session["secret"] = 1
    django_auth.save(logged_in.session)
    request = request_with(logged_in.session.session_key)
    django_auth.login(request, users[1], MODEL_BACKEND)
    django_auth.save(request.session)
    assert found(storage, users[0]) == []
    assert found(storage, users[1]) == [request.session.handle]
    assert "secret" not in request.session


def test_logging_out_ends_it_and_says_so(storage, logged_in, request_with, users, django_auth):
    told = []

    def receive(sender, handle, reason, references, **facts):
        told.append((handle, reason, references))

    signals.session_ended.connect(receive)
    try:
        request = request_with(logged_in.session.session_key)
        django_auth.logout(request)
    finally:
        signals.session_ended.disconnect(receive)
    assert told == [(logged_in.session.handle, "logged_out", {"user": str(users[0].pk)})]
    assert (storage.count(), found(storage, users[0])) == (0, [])


def test_a_password_change_gives_this_session_a_new_key(logged_in, store, users, django_auth):
    old = logged_in.session.session_key
    users[0].set_password("other")
    with current_request.bind(logged_in):
        users[0].save()
    logged_in.user = users[0]
    logged_in.auser = partial(_itself, users[0])
    django_auth.update_session_auth_hash(logged_in, users[0])
    django_auth.save(logged_in.session)
    assert logged_in.session.session_key != old
    assert not store().exists(old)
    assert django_auth.get_user(logged_in) == users[0]


async def _itself(user):
    return user


def test_primary_keys_of_any_kind_are_found(storage, store):
    for key in (uuid.uuid4(), "O'Brien \u00fc", 2**63, "x" * 255):
        holder = store()
        holder["_auth_user_id"] = str(key)
        holder.save()
        assert [id for id, _ in storage.find("user", str(key))] == [holder.handle]


def test_clearsessions(databases, settings):
    for engine in (db, memory):
        settings.SESSION_ENGINE = engine.__name__
        over, live = engine.SessionStore(), engine.SessionStore()
        over.set_expiry(-2 * 3600)
        over.save(), live.save()
        call_command("clearsessions")
        assert engine.SessionStore.storage.read(over.handle) is None
        assert live.exists(live.session_key)
        engine.SessionStore.storage.clear()


def change_and_fail(request):
    request.session["note"] = "kept"
    get_user_model().objects.create_user("linus")
    raise Http404


def show(request):
    return HttpResponse(request.session.get("note", ""))


urlpatterns = [path("fail", change_and_fail), path("", show)]


def test_with_atomic_requests_the_session_is_saved_outside(databases, settings, monkeypatch):
    settings.ROOT_URLCONF = __name__
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browser = Client()
    assert browser.get("/fail").status_code == 404
    assert browser.get("/").content == b"kept"
    assert not get_user_model().objects.filter(username="linus").exists()
    db.SessionStore.storage.clear()


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_djangos_test_clients_log_in_and_out(databases, users, client):
    browser = client()
    get = browser.get if client is Client else async_to_sync(browser.get)
    browser.force_login(users[0])
    assert get("/api/session/").json()["user"] == "ada"
    assert get("/api/session/").json()["references"] == {"user": str(users[0].pk)}
    browser.session["seen"] = True
    browser.logout()
    assert get("/api/session/").json()["user"] is None
    assert browser.login(username="grace", password="demo")
    assert get("/api/session/").json()["user"] == "grace"
    db.SessionStore.storage.clear()
