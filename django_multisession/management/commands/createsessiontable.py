"""The table of the DynamoDB engine, made beforehand: sessions never make it in passing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

# Whatever SESSION_ENGINE says: the table is made before sessions move there.
STORE = "django_multisession.backends.dynamodb.SessionStore"
TEMPLATES = ("cloudformation", "terraform", "iam")
ABOUT_RIGHTS = """\
WebProcesses is for what serves requests. What counts, lists, purges or clears sessions needs \
Maintenance, too: clearsessions, for example. Setup is for this command. In the ARN write your \
region and account for the stars; in China it begins with arn:aws-cn, in GovCloud arn:aws-us-gov.\
"""


class Command(BaseCommand):
    help = (
        "Make the DynamoDB table that MULTISESSION_DYNAMODB_TABLE names, with what sessions need; "
        "or check the one there is; or print what makes it in other ways. A table that exists is "
        "never changed."
    )
    # It is run when there are neither tables nor sessions yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        either = parser.add_mutually_exclusive_group()
        text = "only say what of the table is not as it should be; exit with 1 if anything is"
        either.add_argument("--check", action="store_true", help=text)
        text = "only print the table, or the rights it needs; asks nobody"
        either.add_argument("--print", choices=TEMPLATES, dest="template", help=text)
        wishes = parser.add_argument_group("what is wanted of the table")
        text = "units to read and to write each second, instead of on demand"
        names = ("READ", "WRITE")
        wishes.add_argument("--provisioned", nargs=2, type=int, metavar=names, help=text)
        text = "keep backups of the last 35 days, of sessions that are over, too"
        wishes.add_argument("--point-in-time-recovery", action="store_true", help=text)
        text = "encrypt with this key in KMS (id, ARN, alias), without KEY with DynamoDB's there"
        key = "alias/aws/dynamodb"
        wishes.add_argument("--kms-key", nargs="?", const=key, metavar="KEY", help=text)
        text = "let nobody delete the table without taking this away"
        wishes.add_argument("--deletion-protection", action="store_true", help=text)
        text = "may be given several times"
        wishes.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE", help=text)

    def handle(self, *, check: bool, template: str | None, **options: Any) -> None:
        table = _table()
        plan = table.plan(
            capacity=options["provisioned"] and tuple(options["provisioned"]),
            point_in_time_recovery=options["point_in_time_recovery"],
            kms_key=options["kms_key"],
            deletion_protection=options["deletion_protection"],
            tags=dict(_tag(text) for text in options["tag"]),
        )
        if template:
            self._print(table, template, plan)
            return
        with _told(table):
            if check or not self._create(table, plan):
                self._compare(table, plan)

    def _print(self, table: Any, template: str, plan: Any) -> None:
        """Nothing else to stdout: it may be a file."""
        self.stdout.write(table.template(template, plan), ending="")
        if template == "iam":
            self.stderr.write(ABOUT_RIGHTS, self.style.NOTICE)

    def _create(self, table: Any, plan: Any) -> bool:
        made, warnings = table.create(plan, self.stdout.write)
        for warning in warnings:
            self.stderr.write(f"{warning.problem} {warning.remedy}", self.style.WARNING)
        if not made:
            self.stdout.write(f"Table {table.name!r} exists.")
        return bool(made)

    def _compare(self, table: Any, plan: Any) -> None:
        if differences := table.differences(plan):
            lines = [f"- {each.problem} {each.remedy}" for each in differences]
            raise CommandError("\n".join(["The table is not as it should be:", *lines]))
        self.stdout.write(f"Table {table.name!r} is as it should be.", self.style.SUCCESS)


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CommandError(f"--tag takes NAME=VALUE, and not {text!r}.")
    return name, value


def _table() -> Any:
    """The one the engine uses. Raises CommandError."""
    try:
        return import_string(STORE).storage.table
    except ImportError as reason:
        text = f"{reason}. Install what DynamoDB needs: pip install django-multisession[dynamodb]"
        raise CommandError(text) from reason
    except ValueError as reason:
        raise CommandError(str(reason)) from reason


@contextmanager
def _told(table: Any) -> Iterator[None]:
    """What fails for a reason outside is told in a line, without a traceback."""
    try:
        yield
    except Exception as error:  # of whatever client library
        text = table.told(error)
        if text is None:
            raise
        raise CommandError(text) from error
