"""`manage.py remove_old_runs --days 90`: to be called once a day."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from builder.http import idempotency
from builder.inbox.models import InboxItem
from builder.triggers.models import Delivery
from runtime.engine import clock, partitions, retention, run_counts

MOST_DAYS = 36_500
MOST_AT_ONCE = 100_000


class Command(BaseCommand):
    help = "Remove runs that ended and are older than wanted, in small transactions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=0,
            help="Remove runs begun before so many days; 0 removes those only whose workflow says how long to keep them.",
        )
        parser.add_argument("--batch", type=int, default=500, help="Runs in one transaction.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (0 <= options["days"] <= MOST_DAYS and 1 <= options["batch"] <= MOST_AT_ONCE):
            raise CommandError(f"--days is from 0 to {MOST_DAYS}, --batch from 1 to {MOST_AT_ONCE}.")
        while run_counts.fold(patient=True):
            pass
        with partitions.alone():
            self._drop_months(options["days"])
        removed = 0
        while run_ids := retention.oldest_ended(options["days"], options["batch"]):
            _remove(run_ids)
            removed += len(run_ids)
        retention.remove_leftovers(clock.now())
        delivered = Delivery.objects.filter(created_at__lt=clock.now() - retention.SIGNALS_KEPT_FOR)
        retention.delete_in_batches(delivered, options["batch"])
        idempotency.forget_old(options["batch"])
        self.stdout.write(f"{removed} runs removed")

    def _drop_months(self, days: int) -> None:
        partitions.finish_drops()
        if days and partitions.is_partitioned():
            for part in partitions.droppable(days):
                _remove_items(part)
                partitions.drop(part)
                self.stdout.write(f"partition {part.name} dropped")


@transaction.atomic
def _remove(run_ids: list[UUID]) -> None:
    InboxItem.objects.filter(run_id__in=run_ids).delete()
    retention.remove(run_ids)


def _remove_items(part: partitions.Part) -> None:
    items = InboxItem.objects.filter(run_id__gte=part.first, run_id__lt=part.end)
    retention.delete_in_batches(items, 1000)
