import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.accounts.command_line import admin_of, workspace_named
from builder.http.errors import ProblemError
from builder.triggers.starting import start_by_person
from builder.workflows.models import Workflow
from runtime.engine.health import health
from runtime.engine.waiting import ended
from runtime.errors import PatchbayError
from runtime.models import Run

POLL_S = 0.25


class Command(BaseCommand):
    help = "Start a run of a published workflow; with --wait, print how it ended."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--workspace", default="")
        parser.add_argument("--input", default="{}", help="JSON, as `trigger` shows it in expressions")
        parser.add_argument("--trigger", default=None)
        parser.add_argument("--wait", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        workflow = self._workflow(options["slug"], options["workspace"])
        try:
            given = json.loads(options["input"])
            run = start_by_person(
                admin_of(workflow.workspace), workflow, input=given, trigger=options["trigger"], draft=False
            )
        except ValueError as error:
            raise CommandError(f"--input is no JSON: {error}") from error
        except (ProblemError, PatchbayError) as error:
            raise CommandError(error.message) from error
        if health()["hosts"] == 0:
            raise CommandError(f"The run {run.pk} is stored, but no worker is running.")
        if not options["wait"]:
            self.stdout.write(str(run.pk))
            return
        self._wait(run)

    def _workflow(self, slug: str, workspace: str) -> Workflow:
        rows = Workflow.objects.filter(slug=slug, archived_at=None).select_related(
            "workspace", "live_version__graph"
        )
        if workspace:
            rows = rows.filter(workspace=workspace_named(workspace))
        found = list(rows[:2])
        if not found:
            raise CommandError(f'There is no workflow "{slug}".')
        if len(found) > 1:
            raise CommandError(f'Several workspaces have a workflow "{slug}"; name one with --workspace.')
        return found[0]

    def _wait(self, run: Run) -> None:
        while (done := ended(run.pk)) is None:
            if health()["hosts"] == 0:
                raise CommandError(f"The run {run.pk} goes on later: no worker is running.")
            time.sleep(POLL_S)
        shown = {"id": str(done.pk), "status": done.status, "result": done.result, "error": done.error}
        self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1))
