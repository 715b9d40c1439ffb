"""Rows: sessions in the form that Django's admin can list."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_multisession import sessions
from django_multisession.admin.rows import SessionRow, make_rows
from support.project import install


@pytest.fixture
def request_of_nobody(memory_storage, databases, settings, monkeypatch, rf):
    """A request without a session, in a project with its sessions in memory."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id", "team": "team"}
    install(memory_storage, settings, monkeypatch)
    return rf.get("/")


def row_of(request, user=None, **data):
    (row,) = make_rows([sessions.get(sessions.create(user, data=data).handle)], request)
    return row


@pytest.fixture
def ada(request_of_nobody):
    ada = get_user_model().objects.create_user("ada")
    yield ada
    get_user_model().objects.filter(username="ada").delete()


def test_the_primary_key_is_the_handle(request_of_nobody):
    row = row_of(request_of_nobody)
    assert row.pk == row.serializable_value("id") == row.info.handle


def test_the_owner_is_the_user_name_or_a_text_that_stands_for_it(request_of_nobody, ada):
    assert row_of(request_of_nobody).owner == "anonymous"
    assert row_of(request_of_nobody, ada).owner == "ada"
    assert row_of(request_of_nobody, _auth_user_id="987654321").owner == "user 987654321"


@pytest.mark.parametrize("user_id", ["x", "1" * 30, "\u0661"])
def test_a_user_id_that_the_model_cannot_have_is_shown(request_of_nobody, user_id):
    """The field is the session's, and another program may have written it."""
    assert row_of(request_of_nobody, _auth_user_id=user_id).owner == f"user {user_id}"


def test_the_user_is_not_a_further_reference(request_of_nobody, ada):
    row = row_of(request_of_nobody, ada, org_id=7, team="x")
    assert sorted(row.further_references) == [("org", "7"), ("team", "x")]


def test_in_words_a_session_has_no_empty_parts(request_of_nobody):
    info = sessions.get(sessions.create(label="tablet").handle)
    row = SessionRow(info, None, is_current=False)
    assert str(row) == "anonymous, tablet, Unknown device"


def test_all_users_are_read_in_one_query(request_of_nobody, ada, django_assert_num_queries):
    infos = [sessions.get(sessions.create(user).handle) for user in (ada, ada, None)]
    with django_assert_num_queries(1):
        rows = make_rows(infos, request_of_nobody)
    assert [row.owner for row in rows] == ["ada", "ada", "anonymous"]
    with django_assert_num_queries(0):
        make_rows(infos[2:], request_of_nobody)
