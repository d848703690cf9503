from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.accounts.command_line import CommandLine, workspace_named
from builder.accounts.matrix import Role
from builder.accounts.models import Membership
from builder.accounts.tokens import create_token


class Command(BaseCommand):
    help = "Make an API token for a member and print it, and nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True)
        parser.add_argument("--workspace", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="command line")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = workspace_named(options["workspace"])
        membership = Membership.objects.filter(
            workspace=workspace, user__email=options["user"].lower()
        ).first()
        if membership is None:
            raise CommandError(f"{options['user']} does not belong to {workspace.slug}.")
        _, plain = create_token(membership, name=options["name"], role=options["role"], by=CommandLine())
        self.stdout.write(plain)
