"""PostgreSQL and Redis for tests: the servers named in the environment, else those on the standard loopback ports.

Where there are none, the tests that need them are skipped with one line on a laptop and fail in CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

POSTGRES_URL = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
RABBITMQ_URL = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")


def require_services() -> None:
    """Go on, skip or fail, as the place asks for."""
    problem = _problem()
    if not problem:
        return
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)


def _problem() -> str:
    try:
        psycopg.connect(POSTGRES_URL, connect_timeout=3).close()
    except psycopg.Error:
        return f"PostgreSQL does not answer at {_shown(POSTGRES_URL)} (TEST_DATABASE_URL)."
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=3).ping()
    except redis.RedisError:
        return f"Redis does not answer at {_shown(REDIS_URL)} (TEST_REDIS_URL)."
    return ""


def fresh_database(name: str) -> str:
    """The address of an empty database of this name."""
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{name}"))


@contextmanager
def unreachable(name: str, *, except_for: str = "") -> Iterator[None]:
    """A database that ends every connection and takes none meanwhile; except_for: the name of an application that stays."""
    with psycopg.connect(POSTGRES_URL, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name <> %s",
            [name, except_for or "nobody"],
        )
        try:
            yield
        finally:
            server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def drop_database(name: str) -> None:
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def end_connections(database_url: str) -> None:
    """The server ends every connection to this database, and has done so on return."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        end_others(connection)


def end_others(connection: psycopg.Connection) -> None:
    """The same, from a connection that stays."""
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@contextmanager
def postgresql_and_redis(name: str, number: int) -> Iterator[dict[str, str]]:
    """What an installation is told of an empty database of this name, and of an empty one of Redis."""
    url = redis_database(number)
    env = {"DATABASE_URL": fresh_database(name), "BROKER_URL": url, "REDIS_URL": url}
    try:
        yield env
    finally:
        drop_database(name)


def redis_database(number: int) -> str:
    """The address of an emptied Redis database."""
    url = f"{REDIS_URL}/{number}"
    redis.Redis.from_url(url).flushdb()
    return url


def _shown(url: str) -> str:
    return urlsplit(url).hostname or url
