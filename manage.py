#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import DatabaseError, InterfaceError

from runtime import garbage
from runtime.database_outage import is_outage


def main() -> None:
    """A database that is away is told in one sentence, whichever command asked for it."""
    if sys.argv[1:2] == ["serve"]:
        # Most of its start is to load what it is made of, before the command itself is asked.
        garbage.start_without_looking()
    try:
        execute_from_command_line(sys.argv)
    except (DatabaseError, InterfaceError) as error:
        if "--traceback" in sys.argv or not is_outage(error):
            raise
        told = " ".join(str(error).split())
        sys.exit(f"CommandError: The database cannot be reached or used, see DATABASE_URL: {told}")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")
    main()
