import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.accounts.command_line import admin_of, workspace_named
from builder.http.errors import ProblemError
from builder.workflows import actions
from runtime.errors import PatchbayError


class Command(BaseCommand):
    help = "Make a draft from an exported workflow, and publish it if asked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--workspace", required=True)
        parser.add_argument("--publish", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        by = admin_of(workspace_named(options["workspace"]))
        try:
            document = json.loads(options["file"].read_text())
            workflow = actions.import_workflow(by, document)
            if options["publish"]:
                actions.publish_workflow(by, workflow)
        except (OSError, ValueError) as error:
            raise CommandError(f"The file cannot be read: {error}") from error
        except (ProblemError, PatchbayError) as error:
            raise CommandError(error.message) from error
        self.stdout.write(workflow.slug)
