"""`manage.py demo`: something to look at within seconds."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from demo import people, table
from demo.engine import is_ours
from django_multisession import sessions

HOST, PORT = "127.0.0.1", "8000"
UNREACHABLE = (
    "Sessions cannot be kept in {engine}. Start its server, or say in {variable} where it is; "
    "SESSION_BACKEND=db needs none. ({reason})"
)
DYNAMODB = "django_multisession.backends.dynamodb"


class Command(BaseCommand):
    help = "Make users with sessions on several devices, show these, and serve the project."

    def add_arguments(self, parser: CommandParser) -> None:
        where = f"port, or address:port; by default {HOST}:{PORT}"
        parser.add_argument("addrport", nargs="?", default=PORT, help=where)
        stop = "stop after the table"
        parser.add_argument("--no-serve", action="store_false", dest="serve", help=stop)

    def handle(self, *, addrport: str, serve: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        if is_ours():
            self._reach_server()
        users = [people.ensure_user(name) for name in people.NAMES]
        people.ensure_administrator()
        if is_ours():
            self._simulate(users)
            self._show(users)
        if serve:
            self._serve(addrport)

    def _reach_server(self) -> None:
        """Ask every server that keeps sessions: one that is down is no bug to trace back."""
        engine = settings.SESSION_ENGINE
        try:
            if engine == DYNAMODB:
                call_command("createsessiontable", stdout=self.stdout)
            sessions.count()
        except Exception as error:  # of whatever client library
            reason = " ".join(str(error).split())
            variable = "DYNAMODB_URL" if engine == DYNAMODB else "MULTISESSION_REDIS_URL"
            text = UNREACHABLE.format(engine=engine, variable=variable, reason=reason)
            raise CommandError(text) from error

    def _simulate(self, users: list[Any]) -> None:
        by_name = {user.get_username(): user for user in users}
        for user in users:
            people.end_simulated_sessions(user)
        for device in people.DEVICES:
            people.simulate(by_name[device.owner], device)

    def _show(self, users: list[Any]) -> None:
        rows = [
            table.row(user.get_username(), info)
            for user in users
            for info in sessions.for_user(user)
        ]
        title = self.style.MIGRATE_HEADING(f"{len(rows)} sessions in {settings.SESSION_ENGINE}")
        self.stdout.write("\n".join(["", title, "", *table.aligned(rows), "", ""]))

    def _serve(self, addrport: str) -> None:
        where = addrport if ":" in addrport else f"{HOST}:{addrport}"
        names = ", ".join(people.NAMES[:-1]) + f" or {people.NAMES[-1]}"
        admin = reverse("admin:django_multisession_session_changelist")
        self.stdout.write(f"Open http://{where}/ and log in as {names}.")
        self.stdout.write(f"The password is {people.PASSWORD}.\n\n")
        if is_ours():
            self.stdout.write("The sessions of all of them are in the admin:")
            self.stdout.write(f"http://{where}{admin}")
            credentials = f"Log in there as {people.ADMINISTRATOR}, password {people.PASSWORD}."
            self.stdout.write(f"{credentials}\n\n")
        self.stdout.flush()  # a busy port ends the process without any goodbye
        call_command("runserver", where, use_reloader=False)
