"""`owners`: users and references as code names them, and values that name nobody."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Group
from django.db import models
from django.test import RequestFactory
from django.test.utils import isolate_apps
from django.utils.functional import SimpleLazyObject

from django_multisession import sessions, signals
from django_multisession.core import keys
from django_multisession.sessions import owners
from support.project import hearing, install, tokens

User = get_user_model()
ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class Prefixed(models.CharField):
    """A primary key whose text form differs from its value, like hashids and binary keys."""

    def value_to_string(self, obj):
        return f"usr_{self.value_from_object(obj)}"

    def to_python(self, value):
        return str(value).removeprefix("usr_")


@pytest.fixture
def users_by(monkeypatch):
    """``users_by(field)``: make a user model with this primary key that of the project."""

    def users_by(field):
        with isolate_apps("demo"):

            class Person(AbstractBaseUser):
                id = field

                class Meta:
                    app_label = "demo"

        monkeypatch.setattr(owners, "get_user_model", lambda: Person)
        return Person

    return users_by


def saved(user):
    """Return the user object as if it were saved."""
    user._state.adding = False
    return user


class TestUserPk:
    @pytest.mark.parametrize("user", [7, "7", " 7 ", saved(User(pk=7)), 7.0])
    def test_an_integer(self, user):
        assert owners.user_pk(user) == "7"

    @pytest.mark.parametrize(("user", "key"), [(0, "0"), (-1, "-1"), (2**63, str(2**63))])
    def test_any_integer(self, user, key):
        assert owners.user_pk(user) == key

    @pytest.mark.parametrize("user", [ID, str(ID), str(ID).upper(), ID.hex, f"{{{ID}}}", ID.urn])
    def test_a_uuid_however_it_is_written(self, users_by, user):
        users_by(models.UUIDField(primary_key=True))
        assert owners.user_pk(user) == str(ID)

    def test_a_user_whose_key_is_a_uuid(self, users_by):
        person = users_by(models.UUIDField(primary_key=True, default=uuid.uuid4))
        assert owners.user_pk(saved(person(pk=ID))) == str(ID)

    @pytest.mark.parametrize("user", ["ada", "O'Brien \u00fc", "7", " ", 7, ID])
    def test_text(self, users_by, user):
        users_by(models.CharField(primary_key=True, max_length=50))
        assert owners.user_pk(user) == str(user)

    def test_the_key_of_a_parent(self, monkeypatch):
        """The primary key is a field of the parent with multi-table inheritance."""
        with isolate_apps("demo"):

            class Base(AbstractBaseUser):
                id = models.UUIDField(primary_key=True)

                class Meta:
                    app_label = "demo"

            class Child(Base):
                class Meta:
                    app_label = "demo"

        monkeypatch.setattr(owners, "get_user_model", lambda: Child)
        assert owners.user_pk(saved(Child(pk=ID))) == owners.user_pk(str(ID)) == str(ID)
        assert owners.user_pk(saved(Base(pk=ID))) == str(ID)

    def test_a_proxy_of_the_user_model(self):
        with isolate_apps("demo"):

            class Staff(User):
                class Meta:
                    proxy, app_label = True, "demo"

        assert owners.user_pk(saved(Staff(pk=7))) == "7"

    def test_request_user(self):
        """It is lazy, and may be an anonymous user."""
        assert owners.user_pk(SimpleLazyObject(lambda: saved(User(pk=7)))) == "7"
        with pytest.raises(ValueError, match="is not a saved user"):
            owners.user_pk(SimpleLazyObject(AnonymousUser))

    def test_it_is_as_djangos_login_writes_it(self, users_by):
        """Otherwise none of the user's sessions would be found."""
        ada = saved(users_by(Prefixed(primary_key=True, max_length=50))(pk="ada"))
        assert owners.user_pk(ada) == ada._meta.pk.value_to_string(ada)


NOBODY = [None, "", False, True, AnonymousUser(), User(), SimpleLazyObject(AnonymousUser)]
NO_USERS = [Group(pk=7), Group(), "ada", "1,2", "7;", ID, [], [7], {}, object(), "*", b"\xff"]


def show(value):
    """Return a test id for a value."""
    return type(value).__name__ if not isinstance(value, (str, bytes)) else repr(value)


class TestNobody:
    @pytest.mark.parametrize("user", [*NOBODY, *NO_USERS], ids=show)
    def test_is_a_value_error_and_ends_nothing(self, quick, clock, user):
        tokens(quick, 2, clock, _auth_user_id="1")
        tokens(quick, 2, clock)
        with hearing(signals.session_ended) as events:
            for function in (quick.for_user, quick.log_out_everywhere):
                with pytest.raises(ValueError, match=r"not a (saved user|user|primary key)"):
                    function(user)
        assert (quick.count(), events) == (4, [])

    @pytest.mark.parametrize("user", ["", "7", 7, 7.0, "12345678", str(ID)[:-1], None, [ID]])
    def test_a_value_that_is_not_a_uuid_is_not_a_user(self, users_by, user):
        users_by(models.UUIDField(primary_key=True))
        with pytest.raises(ValueError, match=r"not a saved user|is a UUIDField"):
            owners.user_pk(user)

    def test_a_user_who_has_a_key_but_is_not_saved(self, users_by):
        """Django chooses a UUID before the user is saved."""
        person = users_by(models.UUIDField(primary_key=True, default=uuid.uuid4))()
        with pytest.raises(ValueError, match="is not a saved user"):
            owners.user_pk(person)

    @pytest.mark.parametrize("user", [7.5, "7.0", float("inf"), float("nan"), 7j])
    def test_a_number_that_is_no_integer(self, user):
        with pytest.raises(ValueError, match="not a primary key of a user"):
            owners.user_pk(user)

    def test_a_deleted_user(self, databases):
        user = User.objects.create_user("ada")
        user.delete()
        with pytest.raises(ValueError, match="is not a saved user"):
            owners.user_pk(user)

    def test_the_error_names_the_type_of_the_primary_key(self):
        with pytest.raises(ValueError, match=r"'ada' is not a primary key .* is a Auto"):
            owners.user_pk("ada")


class TestReference:
    def test_a_user_is_not_a_value(self, quick, databases):
        """Its text is the username, which may be the primary key of another user."""
        mallory = saved(User(pk=2, username="1"))
        quick.create(data={"_auth_user_id": "1"})
        for function in (quick.find, quick.end_matching):
            with pytest.raises(ValueError, match="user"):
                function("user", mallory)
        assert quick.count() == 1

    def test_a_value_and_its_text_are_the_same_reference(self, settings):
        settings.MULTISESSION_REFERENCES = {"org": "org_id"}
        assert owners.to_reference("org", 7) == owners.to_reference("org", "7") == ("org", "7")


class TestToHandle:
    def test_a_handle_a_session_its_info_or_nothing(self, memory_storage, settings, monkeypatch):
        install(memory_storage, settings, monkeypatch)
        holder = sessions.create()
        for keep in (holder, holder.handle, sessions.get(holder.handle)):
            assert owners.to_handle(keep) == holder.handle
        assert owners.to_handle(None) is None
        assert owners.to_handle(type(holder)()) is None

    def test_a_class_is_not_a_session(self, store):
        with pytest.raises(ValueError, match="handle"):
            owners.to_handle(store)

    def test_a_request_is_not_a_session(self):
        request = RequestFactory().get("/")
        request.session = {}
        for keep in (request, request.session):
            with pytest.raises(ValueError, match=r"request\.session"):
                owners.to_handle(keep)

    def test_a_key_is_not_shown(self):
        key = keys.new_key()
        with pytest.raises(ValueError, match="handle") as error:
            owners.to_handle(key)
        assert key not in repr(error.value)


class TestAuthFields:
    def test_the_fields_of_djangos_login(self):
        user = saved(User(pk=7, password="hash"))
        assert owners.auth_fields(user) == {
            "_auth_user_id": "7",
            "_auth_user_backend": MODEL_BACKEND,
            "_auth_user_hash": user.get_session_auth_hash(),
        }

    def test_the_users_own_backend_goes_first(self):
        user = saved(User(pk=7))
        user.backend = "some.Backend"
        assert owners.auth_fields(user)["_auth_user_backend"] == "some.Backend"

    def test_through_a_lazy_user(self):
        user = saved(User(pk=7))
        assert owners.auth_fields(SimpleLazyObject(lambda: user)) == owners.auth_fields(user)

    @pytest.mark.parametrize("backends", [[], ["one.Backend", "another.Backend"]])
    def test_the_backend_is_not_guessed(self, settings, backends):
        settings.AUTHENTICATION_BACKENDS = backends
        with pytest.raises(ValueError, match="backend"):
            owners.auth_fields(saved(User(pk=7)))
