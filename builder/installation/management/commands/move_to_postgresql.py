"""`manage.py move_to_postgresql`: take an installation in one process over to PostgreSQL."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.installation.moving import CannotMove, move_from


class Command(BaseCommand):
    help = (
        "Copy everything that an installation in one process has in its data directory to the empty database of"
        " DATABASE_URL. The installation must be stopped; its file stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--file",
            type=Path,
            help="The installation's SQLite file, if it is not that of the data directory.",
        )
        parser.add_argument(
            "--show-keys",
            action="store_true",
            help="Only print SECRET_KEY and PATCHBAY_ENCRYPTION_KEYS as the other processes need them.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show_keys"]:
            keys = (
                f"{name}:{base64.b64encode(key).decode()}" for name, key in settings.ENCRYPTION_KEYS.items()
            )
            self.stdout.write(f"SECRET_KEY={settings.SECRET_KEY}")
            self.stdout.write(f"PATCHBAY_ENCRYPTION_KEYS={','.join(keys)}")
            return
        file = (options["file"] or Path(settings.DATA_DIR) / "patchbay.sqlite3").resolve()
        try:
            copied = move_from(file, self.stderr.write)
        except CannotMove as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Moved {sum(copied.values()):,} rows of {len(copied)} tables.")
        self.stdout.write(f"{file} is as it was: do not start an installation on it again.")
        self.stdout.write("Every process needs the same keys: move_to_postgresql --show-keys prints them.")
