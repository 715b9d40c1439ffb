"""Django's ``clearsessions``, for projects without its session app in INSTALLED_APPS."""

from django.contrib.sessions.management.commands.clearsessions import Command

__all__ = ["Command"]
