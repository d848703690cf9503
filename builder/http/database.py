"""Database work of sockets, and of requests that pass by Django's handler: on a few kept threads, each with a kept connection."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import Error, connection

from runtime.database_outage import is_outage

THREADS = 6
SOCKET_THREADS = 2
"""Of their own: while the database stands still, a hundred open pages would queue up before every webhook."""
TRUSTED_S = 2.0
"""A connection that was used within this time is taken to be alive; an older one is opened anew."""

Found = TypeVar("Found")

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web-db")
_socket_threads = ThreadPoolExecutor(SOCKET_THREADS, thread_name_prefix="socket-db")
_kept = threading.local()


async def in_database(function: Callable[..., Found], *arguments: object) -> Found:
    """Call a function that uses the database, off the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(_call, function, *arguments))


async def in_database_of_sockets(function: Callable[..., Found], *arguments: object) -> Found:
    """The same for what a socket looks up again and again."""
    return await asyncio.get_running_loop().run_in_executor(
        _socket_threads, partial(_call, function, *arguments)
    )


def _call(function: Callable[..., Found], *arguments: object) -> Found:
    now = time.monotonic()
    if now - getattr(_kept, "used_at", now) > TRUSTED_S:
        connection.close()
    _kept.used_at = now
    try:
        return function(*arguments)
    except Error as error:
        if is_outage(error):
            connection.close()
        raise
