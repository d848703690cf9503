from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builder.accounts.models import Workspace
from builder.http.errors import Invalid
from builder.http.slugs import check_slug


class Command(BaseCommand):
    help = "Make an empty workspace."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            slug = check_slug(options["slug"])
        except Invalid as error:
            raise CommandError(error.message) from error
        if Workspace.objects.filter(slug=slug).exists():
            raise CommandError(f'There is a workspace "{slug}" already.')
        Workspace.objects.create(slug=slug, name=options["name"] or slug.replace("-", " ").capitalize())
        self.stdout.write(slug)
