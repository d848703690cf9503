"""Whether the database is of this release, found out without loading a single migration."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.apps import apps
from django.db import connection

OWN = ("builder", "runtime")


def missing_migrations() -> list[str]:
    """Those of this release that the database has not seen, such as `runtime.0008_settings_revisions`.

    raises   DatabaseError where it has seen none at all
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = {(str(app), str(name)) for app, name in cursor.fetchall()}
    return [f"{app}.{name}" for app, name in _of_this_release() if (app, name) not in applied]


@lru_cache(maxsize=1)
def _of_this_release() -> tuple[tuple[str, str], ...]:
    return tuple(
        (config.label, file.stem)
        for config in apps.get_app_configs()
        if config.name.partition(".")[0] in OWN
        for file in sorted((Path(config.path) / "migrations").glob("[0-9]*.py"))
    )
