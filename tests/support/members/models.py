from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import User
from django.db import models


class People(BaseUserManager[Any]):
    def create_user(self, username: str, password: str, **fields: Any) -> Any:
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save()
        return user


class Person(AbstractBaseUser):
    """A user model without a field is_active of its own."""

    username = models.CharField(max_length=50, unique=True)

    USERNAME_FIELD = "username"

    objects = People()

    class Meta:
        abstract = True


class Club(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Numbered(Person):
    """By a UUID, and a member of a club without which there is no user."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    club = models.ForeignKey(Club, models.CASCADE, null=True)


class Named(Person):
    """By text, which may hold anything."""

    id = models.CharField(primary_key=True, max_length=50)

    def save(self, **kwargs: Any) -> None:
        self.id = self.id or f"{self.username} O'Brien \u00fc:#{{1}}"
        super().save(**kwargs)


class Profile(models.Model):
    """Whoever has a user that is one of these."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Derived(Person):
    """By another row."""

    profile = models.OneToOneField(Profile, models.CASCADE, primary_key=True)

    def save(self, **kwargs: Any) -> None:
        if self.profile_id is None:
            self.profile = Profile.objects.create(name=self.username)
        super().save(**kwargs)


class Friend(User):
    """The same table, in other words."""

    class Meta:
        proxy = True


class Customer(User):
    """A table of its own beside that of users."""

    number = models.CharField(max_length=50)
