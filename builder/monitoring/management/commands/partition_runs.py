"""`manage.py partition_runs`: cut the tables of runs by month, and show how they are cut."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.utils import OperationalError

from runtime.engine import partitions

MIB = 1024 * 1024


class Command(BaseCommand):
    help = "Cut the tables of runs into a partition for each month, which hosts then keep ahead; PostgreSQL only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--show", action="store_true", help="Only show how the tables are cut.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not partitions.can_partition():
            raise CommandError("Partitions need PostgreSQL; SQLite keeps its tables whole.")
        if not options["show"]:
            self._cut()
        if not partitions.is_partitioned():
            self.stdout.write("The tables of runs are whole.")
            return
        sizes = partitions.sizes()
        for part in partitions.parts():
            size = f"{sizes[part.name] / MIB:,.1f} MiB"
            self.stdout.write(f"{part.name:10} {_month(part.first):>10} to {_month(part.end):10} {size:>14}")

    def _cut(self) -> None:
        try:
            with partitions.alone():
                if not partitions.is_partitioned():
                    partitions.convert()
                partitions.keep_ahead()
        except OperationalError as error:
            raise CommandError(
                "Somebody held the tables for too long, a backup perhaps. Nothing has changed; try again later."
            ) from error


def _month(bound: UUID) -> str:
    if bound in (partitions.FIRST, partitions.LAST):
        return "always"
    return f"{datetime.fromtimestamp((bound.int >> 80) / 1000, UTC):%Y-%m-%d}"
