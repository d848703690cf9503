from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from builder.installation.reference import reference_files


class Command(BaseCommand):
    help = "Write the pages of the reference that are made from the code, the OpenAPI file among them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        for name, content in reference_files().items():
            (options["folder"] / name).write_text(content)
