"""`manage.py demo`: a site with users and sessions, to try the package with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from demo import table
from demo import users as demo_users
from demo.engine import is_multisession
from django_multisession import sessions

HOST, PORT = "127.0.0.1", "8000"
UNREACHABLE = (
    "Sessions cannot be stored with {engine}. Start its server, or set {variable} to its URL; "
    "SESSION_BACKEND=db needs no server. ({reason})"
)
DYNAMODB = "django_multisession.backends.dynamodb"


class Command(BaseCommand):
    help = "Create users with sessions on several devices, list the sessions, and run the site."

    def add_arguments(self, parser: CommandParser) -> None:
        address = f"port, or IP address:port; the default is {HOST}:{PORT}"
        parser.add_argument("addrport", nargs="?", default=PORT, help=address)
        stop = "list the sessions and exit"
        parser.add_argument("--no-serve", action="store_false", dest="serve", help=stop)

    def handle(self, *, addrport: str, serve: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        if is_multisession():
            self._reach_server()
        users = [demo_users.ensure_user(name) for name in demo_users.NAMES]
        demo_users.ensure_administrator()
        if is_multisession():
            self._simulate(users)
            self._show(users)
        if serve:
            self._serve(addrport)

    def _reach_server(self) -> None:
        """Count the sessions. If a server is down, show an error without a traceback."""
        engine = settings.SESSION_ENGINE
        try:
            if engine == DYNAMODB:
                call_command("createsessiontable", stdout=self.stdout)
            sessions.count()
        except Exception as error:  # client libraries have no common exception
            reason = " ".join(str(error).split())
            variable = "DYNAMODB_URL" if engine == DYNAMODB else "MULTISESSION_REDIS_URL"
            text = UNREACHABLE.format(engine=engine, variable=variable, reason=reason)
            raise CommandError(text) from error

    def _simulate(self, users: list[Any]) -> None:
        by_name = {user.get_username(): user for user in users}
        for user in users:
            demo_users.end_simulated_sessions(user)
        for device in demo_users.DEVICES:
            demo_users.simulate(by_name[device.owner], device)

    def _show(self, users: list[Any]) -> None:
        rows = [
            table.row(user.get_username(), info)
            for user in users
            for info in sessions.for_user(user)
        ]
        title = self.style.MIGRATE_HEADING(f"{len(rows)} sessions in {settings.SESSION_ENGINE}")
        self.stdout.write("\n".join(["", title, "", *table.aligned(rows), "", ""]))

    def _serve(self, addrport: str) -> None:
        address = addrport if ":" in addrport else f"{HOST}:{addrport}"
        names = ", ".join(demo_users.NAMES[:-1]) + f" or {demo_users.NAMES[-1]}"
        admin = reverse("admin:django_multisession_session_changelist")
        self.stdout.write(f"Open http://{address}/ and log in as {names}.")
        self.stdout.write(f"The password is {demo_users.PASSWORD}.\n\n")
        if is_multisession():
            self.stdout.write("The sessions of all users are in the admin:")
            self.stdout.write(f"http://{address}{admin}")
            credentials = f"Log in as {demo_users.ADMINISTRATOR}, password {demo_users.PASSWORD}."
            self.stdout.write(f"{credentials}\n\n")
        self.stdout.flush()  # runserver exits without flushing if the port is in use
        call_command("runserver", address, use_reloader=False)
