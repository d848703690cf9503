"""`manage.py recount_runs`: count the runs that are kept anew, should the counts be in doubt."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from runtime.engine import run_counts


class Command(BaseCommand):
    help = "Count ended runs per day anew, from the runs that are kept. Days on which none ended are left as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            type=date.fromisoformat,
            dest="first_day",
            help="The first day to count anew, such as 2026-11-01: give one before which runs were removed.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{run_counts.recount(options['first_day']):,} runs counted")
