"""The production worker: `celery -A runtime worker`. Messages are hints that may all be lost; nothing is kept here.

The host starts before the broker is reached, so a worker whose broker is away still finds due work by itself.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")

from runtime import garbage

garbage.start_without_looking()

import django

django.setup()

from django.conf import settings

from runtime.engine.process import start_host, stop_host
from runtime.mcp.confinement import protect_process_memory
from runtime.tasks import Hints

logger = logging.getLogger(__name__)

KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}
"""A line that was cut off in silence is noticed within half a minute; left to itself, the system would take two hours."""

app = Celery("patchbay", broker=settings.BROKER_URL or "memory://")
app.conf.update(
    worker_pool="solo",
    # A hint is handed on at once: holding further ones back until it is acknowledged only makes them late.
    worker_prefetch_multiplier=0,
    worker_disable_prefetch=False,
    worker_hijack_root_logger=False,
    # Whoever reaches the broker could stop every worker with it, and read its settings.
    worker_enable_remote_control=False,
    task_default_queue="patchbay",
    task_ignore_result=True,
    task_acks_late=False,
    task_serializer="json",
    accept_content=["json"],
    task_time_limit=None,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "socket_keepalive_options": KEEPALIVE,
        "max_retries": 1,
    },
    broker_connection_timeout=2,
)
app.steps["consumer"].add(Hints)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def start(**_: Any) -> None:
    """Start the host; it waits by itself for the database and its tables."""
    protect_process_memory()
    try:
        start_host()
    except Exception as error:
        # Celery would pass over it, and go on without a host.
        logger.exception("the host could not be started", extra={"action": "host"})
        raise SystemExit(1) from error


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def stop(**_: Any) -> None:
    """Finish the calls in flight and hand everything else over."""
    stop_host()


# Also for who imports this module and is no worker.
garbage.leave_what_is_here()
