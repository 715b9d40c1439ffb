"""Deactivating or deleting a user ends all of the user's sessions at once."""

from __future__ import annotations

import json

import pytest
from django.contrib import messages
from django.contrib.auth import alogout, get_user_model, logout
from django.core.management import call_command

from support.auth_worlds import DJANGOS, USER, deactivate, delete


def people():
    return get_user_model()._default_manager


# Deactivated


@pytest.mark.parametrize("kwargs", [{}, {"update_fields": ["is_active", "email"]}])
def test_who_is_deactivated_is_logged_out_everywhere(world, two, kwargs):
    stranger = world.browser("grace")
    deactivate(world.ada, **kwargs)
    assert world.handles(world.ada) == set()
    assert world.reasons() == ["deactivated"] * 2
    assert [each.user for each in (*two, stranger)] == ["", "", "grace"]


def test_by_another_in_a_request(world, two):
    admin = world.browser("grace")
    admin.run(lambda request: deactivate(world.ada))
    assert world.handles(world.ada) == set()
    assert admin.user == "grace"


def test_in_an_awaited_view(world, two):
    async def script(request):
        world.ada.is_active = False
        await world.ada.asave()

    world.browser("grace").run(script)
    assert world.handles(world.ada) == set()


def test_under_djangos_middleware_too(world, settings):
    settings.MIDDLEWARE = [DJANGOS, USER]
    browser, other = world.browsers("ada", 2)
    browser.run(lambda request: deactivate(request.user))
    assert world.handles(world.ada) == set()
    assert [browser.user, other.user] == ["", ""]


def test_whatever_is_set_for_passwords(world, two, settings):
    settings.MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE = False
    deactivate(world.ada)
    assert world.handles(world.ada) == set()


def test_one_who_is_inactive_is_saved_again_and_again(world, two):
    deactivate(world.ada)
    world.reasons()
    world.ada.first_name = "Ada"
    world.ada.save()
    world.ada.save(update_fields=["first_name"])
    world.ada.save(update_fields=[])
    world.ada.set_password("new")
    world.ada.save()
    assert world.reasons() == []


def test_a_field_that_is_not_saved_ends_nothing(world, two):
    deactivate(world.ada, update_fields=["last_login"])
    assert world.ended == []
    assert [each.user for each in two] == ["ada", "ada"]


def test_a_new_password_for_one_who_is_deactivated_ends_this_session_too(world, two):
    def script(request):
        request.user.set_password("new")
        deactivate(request.user)

    two[0].run(script)
    assert world.handles(world.ada) == set()
    assert world.reasons() == ["deactivated"] * 2


def test_one_who_is_active_again_logs_in_again(world, two):
    deactivate(world.ada)
    world.ada.is_active = True
    world.ada.save()
    assert two[0].user == ""
    assert world.browser("ada").user == "ada"


def test_a_query_tells_nobody(world, two):
    """QuerySet.update() sends no signal. The sessions stay, but Django refuses inactive users."""
    people().filter(username="ada").update(is_active=False)
    assert world.ended == []
    assert [each.user for each in two] == ["", ""]


def test_one_who_is_created_inactive(world, monkeypatch):
    monkeypatch.setattr(world.storage, "delete_matching", None)
    eve = people().create(username="eve", is_active=False)
    people().filter(pk=eve.pk)._raw_delete("default")


def test_who_was_not_loaded_in_full_costs_no_query(world, two, django_assert_num_queries):
    user = people().only("username").get(username="ada")
    with django_assert_num_queries(1):
        user.save()
    assert [each.user for each in two] == ["ada", "ada"]


# Deleted


def delete_by_query(user):
    people().filter(pk=user.pk).delete()


@pytest.mark.parametrize("delete", [delete, delete_by_query])
def test_who_is_deleted_is_logged_out_everywhere(world, two, delete):
    stranger = world.browser("grace")
    delete(world.ada)
    assert sorted(world.ended) == sorted((each.handle, "deleted") for each in two)
    assert world.storage.count() == 1
    assert [each.user for each in (*two, stranger)] == ["", "", "grace"]


def test_all_of_several_who_are_deleted_at_once(world, two):
    world.browser("grace")
    people().filter(username__in=["ada", "grace"]).delete()
    assert world.reasons() == ["deleted"] * 3
    assert world.storage.count() == 0


def test_in_an_awaited_view_that_deletes(world, two):
    async def script(request):
        await world.ada.adelete()

    world.browser("grace").run(script)
    assert world.reasons() == ["deleted"] * 2


# Users who deactivate or delete themselves


def test_who_deletes_themselves_and_logs_out(world, two):
    def script(request):
        request.user.delete()
        logout(request)

    two[0].run(script)
    assert [each.user for each in two] == ["", ""]
    assert two[0].key is None
    assert world.reasons() == ["deleted"] * 2


def test_who_deletes_themselves_and_logs_out_awaited(world, two):
    async def script(request):
        await (await request.auser()).adelete()
        await alogout(request)

    two[0].run(script)
    assert [each.user for each in two] == ["", ""]
    assert two[0].key is None


def test_who_deletes_themselves_and_does_no_more(world, two):
    two[0].run(lambda request: request.user.delete() and None)
    assert [each.user for each in two] == ["", ""]
    assert two[0].key is None


def test_who_deletes_themselves_and_is_told_so(world, settings):
    """A message for the next page is stored in the session, which was flushed."""
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    settings.MIDDLEWARE += ["django.contrib.messages.middleware.MessageMiddleware"]
    browser = world.browser("ada")

    def script(request):
        request.user.delete()
        messages.success(request, "Good-bye.")

    browser.run(script)


# Raw saves, as by loaddata


def test_fixtures_that_are_loaded_end_nothing(world, two, tmp_path):
    fields = {"username": "ada", "password": "another", "is_active": False}
    row = {"model": "auth.user", "pk": world.ada.pk, "fields": fields}
    (tmp_path / "people.json").write_text(json.dumps([row]))
    call_command("loaddata", tmp_path / "people.json", verbosity=0)
    assert not people().get(username="ada").is_active
    assert world.handles(world.ada) == {each.handle for each in two}
    assert world.ended == []
