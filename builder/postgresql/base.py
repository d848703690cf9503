"""Django's PostgreSQL with connections that are kept by our own pool (`ENGINE` of the settings names this folder)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base

from builder.postgresql.pool import Pool


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: ClassVar[dict[str, Pool]] = {}

    @property
    def pool(self) -> Pool | None:
        """The one of this process; None for a connection whose options ask for none."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            configure = self._configure_connection  # type: ignore[attr-defined]
            connect = partial(_connected, self.get_connection_params(), configure)
            # Of threads that come at once, one wins; a pool that nobody has asked holds nothing.
            self._connection_pools.setdefault(self.alias, Pool(connect, **options))
        return self._connection_pools[self.alias]


def _connected(
    parameters: Mapping[str, Any], configure: Callable[[psycopg.Connection[Any]], object]
) -> psycopg.Connection[Any]:
    link: psycopg.Connection[Any] = psycopg.connect(**parameters, autocommit=True)
    try:
        configure(link)
    except BaseException:
        link.close()
        raise
    return link
