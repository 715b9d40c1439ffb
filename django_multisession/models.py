"""The tables of `DatabaseStorage`.

They are installed with every engine, because the permissions of the session admin depend on them.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from .core.client import USER_AGENT_LENGTH
from .core.record import LABEL_LENGTH
from .core.references import MAX_LENGTH


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text that is compared byte by byte, whatever the database does by default.

    Otherwise the users "ann", "Ann" and "ann " would share their sessions on MySQL and MariaDB, and
    PostgreSQL would sort handles by the rules of a language.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Add the collation that compares bytes."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        if connection.vendor == "mysql":
            is_mariadb = getattr(connection, "mysql_is_mariadb", False)
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class Session(models.Model):
    """One session. A new session key is one UPDATE of ``handle``, since the row has its own id."""

    id = models.BigAutoField(primary_key=True)
    # The SHA-256 of the session key. Unique by a constraint, as `unique=True` would make Django
    # create a second index for LIKE on PostgreSQL.
    handle = ExactCharField(_("handle"), max_length=43)
    # Each field with its serialized value as text. Never a nested value, so that a JSON merge patch
    # can only set and remove whole fields.
    data = models.JSONField(_("data"), default=dict)
    # The reference named "user". In the row itself, so that it always agrees with the session.
    user_ref = ExactCharField(_("user"), max_length=MAX_LENGTH, null=True, blank=True)
    # All other references. These values decide; `SessionReference` only serves to find the row.
    more_references = models.JSONField(_("further references"), default=dict)
    created_at = models.DateTimeField(_("created"))
    last_seen_at = models.DateTimeField(_("last seen"))
    expires_at = models.DateTimeField(_("expires"))
    # `expires_at` rounded up to a full hour. It is indexed instead of `expires_at`, so that a touch
    # within the hour changes no index and is a heap-only update on PostgreSQL (102 instead of 923
    # bytes of WAL, measured).
    purge_at = models.DateTimeField(_("may be purged"))
    ip = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=USER_AGENT_LENGTH, blank=True)
    label = models.CharField(_("label"), max_length=LABEL_LENGTH, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # The permissions of the session admin, which works with every engine.
        default_permissions = ("view", "delete")
        permissions = [
            ("view_session_data", "Can view the data of sessions"),
            ("end_all_sessions", "Can end all sessions at once"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["handle"], name="multisession_handle"),
        ]
        # Never index last_seen_at or data: no touch or save could be a heap-only update.
        indexes = [
            models.Index(fields=["user_ref"], name="multisession_user"),
            models.Index(fields=["purge_at", "id"], name="multisession_purge"),
        ]

    def __str__(self) -> str:
        return str(self.handle)


class SessionReference(models.Model):
    """The index of references other than "user". Empty unless such references are configured."""

    id = models.BigAutoField(primary_key=True)
    # No foreign key constraint: a session is deleted first, in one statement, then its entries.
    session = models.ForeignKey(
        Session, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    name = ExactCharField(_("name"), max_length=50)
    value = ExactCharField(_("value"), max_length=MAX_LENGTH)

    class Meta:
        verbose_name = _("session reference")
        verbose_name_plural = _("session references")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["session", "name"], name="multisession_reference"),
        ]
        indexes = [
            models.Index(fields=["name", "value", "session"], name="multisession_found"),
        ]

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class SessionLease(models.Model):
    """A name that an owner holds for a time: the right to prune, or the tombstone of a session.

    See `storage.base.Storage.acquire_lease`.
    """

    id = models.BigAutoField(primary_key=True)
    name = ExactCharField(_("name"), max_length=43)
    owner = ExactCharField(_("owner"), max_length=64)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("session lease")
        verbose_name_plural = _("session leases")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["name"], name="multisession_lease"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="multisession_lease_end"),
        ]

    def __str__(self) -> str:
        return str(self.name)
