"""Outages while sessions are to be ended: no failure is hidden."""

from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError
from django.db import OperationalError, connections
from redis.exceptions import ConnectionError

from django_multisession.backends import memory
from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.redis import RedisStorage
from support.auth_pages import achange, change
from support.auth_worlds import deactivate, delete, set_password
from support.servers import HOST, free_port


def down(*args):
    raise OperationalError("server is down")


@pytest.fixture
def ending_fails(world, monkeypatch):
    """Let only delete_matching fail; sessions can still be read and saved."""
    monkeypatch.setattr(world.storage, "delete_matching", down)
    return world


fates = pytest.mark.parametrize("fate", [set_password, deactivate, delete])


@fates
def test_whoever_saves_a_user_is_told(ending_fails, fate):
    with pytest.raises(OperationalError, match="server is down"):
        fate(ending_fails.ada)


@pytest.mark.parametrize("change", [change, achange])
def test_a_request_fails(world, ending_fails, change):
    """The password is already stored, so Django itself refuses the other sessions."""
    browser, other = world.browsers("ada", 2)
    browser.run(change, status=500)
    world.ada.refresh_from_db()
    assert world.ada.check_password("new")
    assert other.user == ""


def test_a_request_with_a_transaction_fails(world, ending_fails, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browser = world.browser("ada")
    browser.run(change, status=500)


def test_where_logins_are_refused_one_that_cannot_be_counted_fails(world, settings, monkeypatch):
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    monkeypatch.setattr(world.storage, "find", down)
    visitor = world.browser()
    assert visitor.log_in("ada").status_code == 500
    assert visitor.user == ""


def test_else_it_goes_on_and_is_logged(world, settings, monkeypatch, caplog):
    """The login is already stored; the failure is logged."""
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    monkeypatch.setattr(world.storage, "find", down)
    assert world.browser("ada").user == "ada"
    assert "server is down" in caplog.text


# Servers that are down


def redis():
    return RedisStorage(url=f"redis://{HOST}:{free_port()}/0")


def dynamodb():
    options = {"endpoint_url": f"http://{HOST}:{free_port()}", "region_name": "eu-central-1"}
    secrets = dict.fromkeys(["aws_access_key_id", "aws_secret_access_key"], "anybody")
    once = {"config": {"retries": {"total_max_attempts": 1}}}
    return DynamoDBStorage(options={**options, **secrets, **once})


@fates
@pytest.mark.parametrize(
    ("storage", "error"), [(redis, ConnectionError), (dynamodb, EndpointConnectionError)]
)
def test_what_the_client_raises_reaches_whoever_saves_a_user(
    world, monkeypatch, fate, storage, error
):
    monkeypatch.setattr(memory.SessionStore, "storage", storage())
    with pytest.raises(error):
        fate(world.ada)
