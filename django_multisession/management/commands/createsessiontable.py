"""The command that creates or checks the table of the DynamoDB engine.

Sessions never create it themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

# Independent of SESSION_ENGINE: the table is created before sessions migrate to it.
STORE = "django_multisession.backends.dynamodb.SessionStore"
TEMPLATES = ("cloudformation", "terraform", "iam")
ABOUT_RIGHTS = """\
WebProcesses is for processes that serve requests. Processes that count, list, purge or clear \
sessions (clearsessions, for example) need Maintenance, too. Setup is for this command. Replace \
the stars in the ARN with your region and account. In China the ARN begins with arn:aws-cn, in \
GovCloud with arn:aws-us-gov.\
"""


class Command(BaseCommand):
    help = (
        "Create the DynamoDB table that MULTISESSION_DYNAMODB_TABLE names, check an existing one, "
        "or print a template that creates it with another tool. An existing table is never changed."
    )
    # The command is run before there are tables and sessions.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        modes = parser.add_mutually_exclusive_group()
        text = "only report what is wrong with the table; exit with 1 if anything is"
        modes.add_argument("--check", action="store_true", help=text)
        text = "only print a template of the table, or a policy with its rights; send no request"
        modes.add_argument("--print", choices=TEMPLATES, dest="template", help=text)
        options = parser.add_argument_group("options of the table")
        text = "read and write units for each second, instead of on-demand capacity"
        names = ("READ", "WRITE")
        options.add_argument("--provisioned", nargs=2, type=int, metavar=names, help=text)
        text = "keep backups of the last 35 days; they contain ended sessions, too"
        options.add_argument("--point-in-time-recovery", action="store_true", help=text)
        text = "encrypt with this KMS key (id, ARN or alias), or with the AWS managed key"
        key = "alias/aws/dynamodb"
        options.add_argument("--kms-key", nargs="?", const=key, metavar="KEY", help=text)
        text = "prevent the table from being deleted until this protection is removed"
        options.add_argument("--deletion-protection", action="store_true", help=text)
        text = "add a tag; can be repeated"
        options.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE", help=text)

    def handle(self, *, check: bool, template: str | None, **options: Any) -> None:
        table = _table()
        spec = table.spec(
            capacity=options["provisioned"] and tuple(options["provisioned"]),
            point_in_time_recovery=options["point_in_time_recovery"],
            kms_key=options["kms_key"],
            deletion_protection=options["deletion_protection"],
            tags=dict(_tag(text) for text in options["tag"]),
        )
        if template:
            self._print(table, template, spec)
            return
        with _command_errors(table):
            if check or not self._create(table, spec):
                self._check(table, spec)

    def _print(self, table: Any, template: str, spec: Any) -> None:
        """Print the template. Nothing else goes to stdout, which may be redirected to a file."""
        self.stdout.write(table.template(template, spec), ending="")
        if template == "iam":
            self.stderr.write(ABOUT_RIGHTS, self.style.NOTICE)

    def _create(self, table: Any, spec: Any) -> bool:
        """Create the table. Return False if it exists."""
        created, warnings = table.create(spec, self.stdout.write)
        for warning in warnings:
            self.stderr.write(f"{warning.problem} {warning.remedy}", self.style.WARNING)
        if not created:
            self.stdout.write(f"Table {table.name!r} exists.")
        return bool(created)

    def _check(self, table: Any, spec: Any) -> None:
        """Report that the table is right. Raises CommandError with the differences."""
        if differences := table.differences(spec):
            lines = [f"- {finding.problem} {finding.remedy}" for finding in differences]
            raise CommandError("\n".join(["The table is not as it should be:", *lines]))
        self.stdout.write(f"Table {table.name!r} is as it should be.", self.style.SUCCESS)


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise CommandError(f"--tag takes NAME=VALUE, not {text!r}.")
    return name, value


def _table() -> Any:
    """Return the table of the DynamoDB engine. Raises CommandError."""
    try:
        return import_string(STORE).storage.table
    except ImportError as error:
        remedy = "Install what DynamoDB needs: pip install django-multisession[dynamodb]"
        raise CommandError(f"{error}. {remedy}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error


@contextmanager
def _command_errors(table: Any) -> Iterator[None]:
    """Report errors of the setup and the server in one line, without a traceback."""
    try:
        yield
    except Exception as error:  # of any client library
        text = table.error_text(error)
        if text is None:
            raise
        raise CommandError(text) from error
