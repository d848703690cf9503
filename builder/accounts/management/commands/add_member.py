import getpass
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine, workspace_named
from builder.accounts.matrix import Role
from builder.http.errors import ProblemError


class Command(BaseCommand):
    help = "Give a person a role in a workspace; a new person's password is asked for, or read from PATCHBAY_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--workspace", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("PATCHBAY_PASSWORD")
        if password is None and sys.stdin.isatty():
            password = getpass.getpass("Password (for a new person): ") or None
        workspace = workspace_named(options["workspace"])
        try:
            row = add_member(
                CommandLine(), workspace, email=options["email"], role=options["role"], password=password
            )
        except ProblemError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{row.user.email} is {row.role} in {workspace.slug}")
