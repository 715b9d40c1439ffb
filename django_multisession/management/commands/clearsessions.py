"""Django's own command, for projects without ``django.contrib.sessions`` in INSTALLED_APPS."""

from django.contrib.sessions.management.commands.clearsessions import Command

__all__ = ["Command"]
