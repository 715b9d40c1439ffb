"""The tables of `DatabaseStorage`. Installed whatever the engine: permissions hang on them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from .core.client import USER_AGENT_LENGTH
from .core.record import LABEL_LENGTH
from .core.references import MAX_LENGTH


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text that is compared exactly, byte by byte, whatever the database does by default.

    On MySQL and MariaDB the users "ann", "Ann" and "ann " would otherwise share their sessions, and
    PostgreSQL would sort handles by the rules of some language.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        if connection.vendor == "mysql":
            is_mariadb = getattr(connection, "mysql_is_mariadb", False)
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class Session(models.Model):
    """One session. A surrogate key, so that a new session key is one UPDATE of ``handle``."""

    id = models.BigAutoField(primary_key=True)
    # SHA-256 of the session key. Unique by constraint: `unique=True` would cost PostgreSQL a
    # second index for LIKE.
    handle = ExactCharField(_("handle"), max_length=43)
    # Field -> serialized text. Never a nested value, so a merge patch is "set these, unset those".
    data = models.JSONField(_("data"), default=dict)
    # The reference named "user". On the row, where it cannot drift.
    user_ref = ExactCharField(_("user"), max_length=MAX_LENGTH, null=True, blank=True)
    # All other references: what the row says counts, `SessionReference` only finds the row.
    more_references = models.JSONField(_("further references"), default=dict)
    created_at = models.DateTimeField(_("created"))
    last_seen_at = models.DateTimeField(_("last seen"))
    expires_at = models.DateTimeField(_("expires"))
    # `expires_at` rounded up to a full hour and indexed in its place: a touch within the hour
    # changes no index and stays heap-only on PostgreSQL (102 instead of 923 bytes of WAL).
    purge_at = models.DateTimeField(_("may be purged"))
    ip = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=USER_AGENT_LENGTH, blank=True)
    label = models.CharField(_("label"), max_length=LABEL_LENGTH, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # What there is to do with a session in the admin, on every engine.
        default_permissions = ("view", "delete")
        permissions = [
            ("view_session_data", "Can view the data of sessions"),
            ("end_all_sessions", "Can end all sessions at once"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["handle"], name="multisession_handle"),
        ]
        # Never index last_seen_at or data: it ends heap-only updates.
        indexes = [
            models.Index(fields=["user_ref"], name="multisession_user"),
            models.Index(fields=["purge_at", "id"], name="multisession_purge"),
        ]

    def __str__(self) -> str:
        return str(self.handle)


class SessionReference(models.Model):
    """Index of the references that are not "user". Used only where such are configured."""

    id = models.BigAutoField(primary_key=True)
    # No constraint: a session is deleted first, in one statement, and its entries after it.
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
    """What somebody has for a time: the right to prune, or the fact that a session was moved."""

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
