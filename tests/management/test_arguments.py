"""--user of `listsessions` and `endsessions`: by login name, by primary key, and if ambiguous."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from django_multisession import sessions
from support.project import install
from support.terminals import run

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

UNKNOWN = "No user has the login name or primary key 'nobody'."


@pytest.fixture
def people(memory_storage, databases, settings, monkeypatch):
    """``people(name, ...)``: create a user with a session. Return the user and the handle."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id"}
    install(memory_storage, settings, monkeypatch)
    before = [*get_user_model()._default_manager.values_list("pk", flat=True)]

    def make(name, **facts):
        user = get_user_model()._default_manager.create_user(name, password="demo", **facts)
        return user, sessions.create(user).handle

    yield make
    get_user_model()._default_manager.exclude(pk__in=before).delete()


def listed(user):
    done = run("listsessions", "--user", user)
    assert done.status == 0
    return {line.split()[0] for line in done.lines[1:]}


def test_by_name_and_by_primary_key(people):
    (ada, hers), _ = people("ada"), people("grace")
    assert listed("ada") == listed(ada.pk) == {hers}
    assert run("endsessions", "--user", "ada", "--yes").out == "1 session ended.\n"
    assert (listed("ada"), len([*sessions.all()])) == (set(), 1)


def test_nobody_of_that_name(people):
    people("ada")
    for name in ("nobody", "Ada", "ada ", "a\x1b[31m"):
        for words in (["listsessions"], ["endsessions", "--yes"]):
            done = run(*words, "--user", name)
            assert (done.status, done.out) == (1, "")
            assert done.err == f"No user has the login name or primary key {name!r}."
    assert len([*sessions.all()]) == 1


@pytest.mark.parametrize("name", ["", " "])
def test_no_name_is_not_everybody(people, name):
    people("ada")
    done = run("endsessions", f"--user={name}", "--yes")
    assert done.status == 1
    assert len([*sessions.all()]) == 1


def test_one_who_was_deleted_is_known_by_their_key(people, memory_storage):
    ada, hers = people("ada")
    record, key = memory_storage.read(hers), ada.pk
    ada.delete()
    memory_storage.insert("A" * 43, record)  # without signals
    assert listed(key) == {"A" * 43}
    assert run("listsessions", "--user", "ada").status == 1
    assert run("endsessions", "--user", key, "--yes").out == "1 session ended.\n"


def test_who_is_called_like_the_key_of_another(people):
    ada, hers = people("ada")
    other, theirs = people(str(ada.pk))
    done = run("endsessions", "--user", ada.pk, "--yes")
    assert (done.status, done.out) == (1, "")
    for user, handle in [(ada, hers), (other, theirs)]:
        assert f"--reference user={user.pk}" in done.err
        lines = run("listsessions", "--reference", f"user={user.pk}").lines
        assert [line.split()[0] for line in lines[1:]] == [handle]
    assert len([*sessions.all()]) == 2


def test_who_is_called_like_their_own_key(people):
    ada, hers = people("ada")
    ada.username = str(ada.pk)
    ada.save()
    assert listed(ada.pk) == {hers}


def test_who_is_called_like_a_key_that_nobody_has(people):
    _, hers = people("987654")
    assert listed("987654") == {hers}


def test_one_who_is_inactive(people):
    ada, _ = people("ada")
    type(ada)._default_manager.filter(pk=ada.pk).update(is_active=False)
    assert len(listed("ada")) == 1


def test_without_the_reference_nobody_is_known(people, settings):
    people("ada")
    settings.MULTISESSION_REFERENCES = {"org": "org_id"}
    done = run("endsessions", "--user", "ada", "--yes")
    assert (done.status, "MULTISESSION_REFERENCES has no 'user'" in done.err) == (1, True)
    assert len([*sessions.all()]) == 1


@pytest.mark.usefixtures("model")
def test_another_model_of_users(people):
    """The primary key is a UUID, text or another row."""
    (ada, hers), _ = people("ada"), people("grace")
    key = str(ada.pk)
    assert listed("ada") == listed(key) == {hers}
    assert run("endsessions", "--user", key, "--yes").out == "1 session ended.\n"
    done = run("listsessions", "--user", "nobody")
    is_key = type(ada).__name__ == "Named"  # primary keys that are any text
    assert done in [(1, "", UNKNOWN), (0, "", "0 sessions\n")]
    assert (done.status == 0) is is_key
