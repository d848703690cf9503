import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from builder.installation import demo
from runtime.engine.health import health


class Command(BaseCommand):
    help = (
        "Make the demo workspace; its servers are named by PATCHBAY_DEMO_MODEL_URL, PATCHBAY_DEMO_CRM_URL and"
        " PATCHBAY_DEMO_CARRIER_URL."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        addresses = demo.Addresses(
            os.environ.get("PATCHBAY_DEMO_MODEL_URL", "http://127.0.0.1:8001/v1"),
            os.environ.get("PATCHBAY_DEMO_CRM_URL", "http://127.0.0.1:8002/mcp"),
            os.environ.get("PATCHBAY_DEMO_CARRIER_URL", "http://127.0.0.1:8003/mcp"),
        )
        made = demo.seed_rows(addresses)
        self.stdout.write(_told(made))
        if health()["hosts"] == 0:
            self.stdout.write(
                "No worker is running: the servers were not read and nothing was published yet."
                " Start one and call this again."
            )
            return
        if troubles := demo.seed_by_running(made):
            raise CommandError("; ".join(troubles))


def _told(made: demo.Seeded) -> str:
    if made.is_fresh:
        return "The demo workspace was made."
    new = ", ".join([*made.servers, *made.workflows])
    return (
        f"The demo workspace is there already; new in it: {new}."
        if new
        else "The demo workspace is there already."
    )
