"""Changes of users in transactions: sessions end after the commit, and never after a rollback."""

from __future__ import annotations

from contextlib import suppress

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections, transaction

from support.auth_pages import change
from support.auth_worlds import NEW, PASSWORD, deactivate, delete, set_password


def delete_by_query(user):
    get_user_model()._default_manager.filter(pk=user.pk).delete()


FATES = {
    "password_changed": set_password,
    "deactivated": deactivate,
    "deleted": delete,
    "deleted by a query": delete_by_query,
}
fates = pytest.mark.parametrize("fate", FATES.values(), ids=FATES)


@fates
def test_nothing_ends_before_the_commit_and_all_after(world, two, fate):
    with transaction.atomic():
        fate(world.ada)
        assert world.ended == []
    assert sorted(handle for handle, _ in world.ended) == sorted(each.handle for each in two)


@fates
def test_what_is_rolled_back_ends_nothing(world, two, fate):
    with suppress(RuntimeError), transaction.atomic():
        fate(world.ada)
        raise RuntimeError
    assert world.ended == []
    assert [each.user for each in two] == ["ada", "ada"]


@fates
def test_what_is_rolled_back_to_a_savepoint_ends_nothing(world, two, fate):
    with transaction.atomic(), suppress(RuntimeError), transaction.atomic():
        fate(world.ada)
        raise RuntimeError
    assert world.ended == []
    assert [each.user for each in two] == ["ada", "ada"]


def test_a_transaction_within_the_view(world, two):
    def script(request):
        with transaction.atomic():
            change(request)
            assert world.reasons() == []

    two[0].run(script)
    assert world.handles(world.ada) == {two[0].handle}
    assert [each.user for each in two] == ["ada", ""]


def test_a_transaction_within_an_awaited_view(world, two):
    """The transaction runs in a thread, which has the context of the request."""

    @sync_to_async
    @transaction.atomic
    def in_a_thread(request):
        change(request)
        assert world.reasons() == []

    async def script(request):
        await in_a_thread(request)

    two[0].run(script)
    assert world.handles(world.ada) == {two[0].handle}
    assert [each.user for each in two] == ["ada", ""]


# A transaction around every view


@pytest.fixture
def atomic(world, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)


def test_with_atomic_requests_the_new_key_stays(world, two, atomic):
    """The session gets its new key before the other sessions are ended."""
    old = two[0].handle
    two[0].run(change)
    assert world.handles(world.ada) == {two[0].handle} != {old}
    assert world.ended == [(old, "rotated"), (two[1].handle, "password_changed")]
    assert [each.user for each in two] == ["ada", ""]


def test_with_atomic_requests_djangos_view(world, two, atomic):
    response = two[0].post("/password/", old_password=PASSWORD, **NEW)
    assert response.status_code == 302
    assert world.handles(world.ada) == {two[0].handle}
    assert [each.user for each in two] == ["ada", ""]


def test_with_atomic_requests_a_view_that_raises_ends_nothing(world, two, atomic):
    def script(request):
        change(request)
        raise DatabaseError

    two[0].run(script, status=500)
    assert world.reasons() == []
    assert [each.user for each in two] == ["ada", "ada"]


@fates
def test_with_atomic_requests_all_end_after_the_view(world, atomic, fate):
    world.browsers("ada", 2)

    def script(request):
        fate(world.ada)
        return len(world.reasons())

    assert world.browser("grace").run(script).content == b"0"
    assert len(world.reasons()) == 2
