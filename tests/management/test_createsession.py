"""`manage.py createsession`: the token of a script, alone on stdout."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.storage.redis import RedisStorage
from support.bearers import opened, with_token
from support.demo_sites import DEADLINE, manage, running_in
from support.project import install
from support.redis_servers import HOST, free_port
from support.terminals import HERE, refused, run

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django


@pytest.fixture
def world(memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def on_every_storage(storage, databases, settings, monkeypatch):
    with opened(storage, settings, monkeypatch) as it:
        yield it


def created(*words):
    """Run the command. Return the token and the message on stderr."""
    done = run("createsession", *words)
    assert done.status == 0
    (token,) = done.lines
    assert done.out == f"{token}\n"
    assert keys.is_key(token)
    assert token not in done.err
    return token, done.err


def assert_nothing(storage, *words):
    """Assert that no session is created. Return the error message."""
    done = run("createsession", *words)
    assert (done.status, done.out) == (1, "")
    assert storage.count() == 0
    return done.err


def info_of(token):
    return sessions.get(keys.hash_key(token))


def test_the_token_logs_in(on_every_storage):
    world = on_every_storage
    token, _ = created("--user", "ada")
    assert with_token(world, token).user == "ada"
    assert info_of(token).user_id == str(world.ada.pk)


def test_each_time_another(world):
    tokens = {created("--user", "ada")[0] for _ in range(3)}
    assert len(tokens) == len(world.handles(world.ada)) == 3


def test_by_primary_key(world):
    token, _ = created("--user", str(world.grace.pk))
    assert with_token(world, token).user == "grace"


def test_people_are_told_its_handle_and_its_end(world, settings):
    settings.TIME_ZONE = "UTC"
    token, message = created("--user", "ada", "--expires-in", "30d")
    end = world.storage.clock.now + timedelta(days=30)
    assert (
        message
        == f"Created session {keys.hash_key(token)}, which expires at {end:%Y-%m-%d %H:%M}.\n"
    )


def test_scripts_may_have_nothing_but_the_token(world):
    _, message = created("--user", "ada", "--verbosity", "0")
    assert message == ""
    _, message = created("--user", "ada", "-v", "2")
    assert message != ""


@pytest.mark.parametrize("label", ["", "CI", "x" * 100, "\U0001f36a", "--odd"])
def test_it_is_called_so(world, label):
    token, _ = created("--user", "ada", f"--label={label}")
    assert info_of(token).label == label


def test_it_lasts_so_long_even_if_it_is_used(world, clock):
    token, _ = created("--user", "ada", "--expires-in", "12h")
    script = with_token(world, token)
    for hours in (6, 5.9):
        clock.advance(hours=hours)
        assert script.user == "ada"
    clock.advance(hours=0.2)
    assert script.get("/who/").status_code == 401


def test_without_a_time_it_lasts_as_sessions_do(world, clock, settings):
    settings.SESSION_COOKIE_AGE = 1000
    token, _ = created("--user", "ada")
    assert info_of(token).expires_at == clock.now + timedelta(seconds=1000)


# Errors


@pytest.mark.parametrize("name", ["nobody", "", " ", "Ada", "ada ", "a\x1b[31m", "987654321"])
def test_a_user_whom_nobody_knows(world, name):
    assert (
        assert_nothing(world.storage, f"--user={name}")
        == f"No user has the login name or primary key {name!r}."
    )


def test_a_user_has_to_be_named(world):
    with pytest.raises(CommandError, match="--user"):
        call_command("createsession")


def test_one_who_is_called_like_the_key_of_another(world):
    other = get_user_model()._default_manager.create_user(str(world.ada.pk))
    try:
        message = assert_nothing(world.storage, "--user", str(world.ada.pk))
    finally:
        other.delete()
    assert "is the login name of one user and the primary key of another" in message
    assert "--reference user=" in message


def test_one_who_is_inactive(world):
    """A token of an inactive user would be refused without an explanation."""
    world.ada.is_active = False
    world.ada.save()
    assert "active" in assert_nothing(world.storage, "--user", "ada")


@pytest.mark.parametrize(
    ("label", "says"), [("x" * 101, "100 characters"), ("a\0", "NUL"), ("\udcff", "surrogate")]
)
def test_a_label_that_cannot_be_kept(world, label, says):
    assert says in assert_nothing(world.storage, "--user", "ada", f"--label={label}")


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5h", "1y", "soon", "1 d", "9999999999"])
def test_what_is_no_time(world, text):
    message = assert_nothing(world.storage, "--user", "ada", f"--expires-in={text}")
    assert "is not a duration" in message


@pytest.mark.parametrize("text", ["999999999w", "999999999d", "999999999h"])
def test_a_time_beyond_all_years(world, text):
    message = assert_nothing(world.storage, "--user", "ada", f"--expires-in={text}")
    assert "--expires-in" in message


def test_an_engine_that_is_not_ours(world, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    message = assert_nothing(world.storage, "--user", "ada")
    assert "keeps no index of the users" in message


def test_an_outage_is_told_in_a_line(world, settings, monkeypatch):
    nowhere = RedisStorage(url=f"redis://{HOST}:{free_port()}")
    install(nowhere, settings, monkeypatch)
    message = refused("createsession", "--user", "ada")
    assert "MULTISESSION_REDIS_URL" in message
    assert "\n" not in message.strip()


def test_users_of_other_models(model, world):
    for user in (world.ada, world.grace):
        token, _ = created("--user", user.get_username())
        assert info_of(token).user_id == str(user.pk)


# From a shell


def test_from_a_shell_over_http(tmp_path):
    with running_in(tmp_path, HERE) as site:
        with manage(tmp_path, HERE, "createsession", "--user", "ada", "-v", "0") as process:
            token = process.communicate(timeout=DEADLINE)[0].strip()
        assert keys.is_key(token)
        headers = {"Authorization": f"Bearer {token}"}
        opener = build_opener(ProxyHandler({}))
        with opener.open(Request(f"{site}/api/devices/", headers=headers)) as response:
            devices = json.load(response)["devices"]
    (own,) = [device for device in devices if device["is_current"]]
    assert own["handle"] == keys.hash_key(token)
