"""What belongs to the process: its live updates, and its host if it has one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string

from runtime.engine import faults, hints
from runtime.engine.live import EmbeddedLiveUpdates, LiveUpdates, RedisLiveUpdates
from runtime.gateways import Gateways
from runtime.outbound import OutboundPolicy

if TYPE_CHECKING:
    from runtime.engine.host import Host

DATABASE_THREADS = 4

_host: Host | None = None


@lru_cache(maxsize=1)
def live_updates() -> LiveUpdates:
    """Over Redis where there is one, else within this process."""
    return RedisLiveUpdates(settings.REDIS_URL) if settings.REDIS_URL else EmbeddedLiveUpdates()


def gateways() -> Gateways:
    """The application's implementations, as the settings name them."""
    made: dict[str, Any] = {name: import_string(path)() for name, path in settings.RUNTIME_GATEWAYS.items()}
    return Gateways(**made)


def start_host() -> Host:
    """Start a host in this process; hints given here go straight to it."""
    global _host
    # Web processes and commands have no host, and should not wait for its libraries.
    from runtime.engine.host import Host

    faults.arm(settings.FAULT)
    host = Host(
        gateways=gateways(),
        policy=OutboundPolicy.parse(settings.OUTBOUND_ALLOW),
        live=live_updates(),
        # SQLite has one writer: more threads would only wait for each other.
        database_threads=1 if settings.EMBEDDED else DATABASE_THREADS,
        per_workspace=settings.WORKSPACE_RUNS,
        memory_mib=settings.WORKER_MEMORY_MIB,
    )
    host.start()
    hints.use_local_host(host)
    _host = host
    return host


def stop_host() -> None:
    """Drain and end the host of this process, if it has one."""
    global _host
    host, _host = _host, None
    hints.use_local_host(None)
    if host is not None:
        host.stop()


def current_host() -> Host | None:
    return _host


def publish_hints_to_broker() -> None:
    """In a web process without a host: hints go to the workers by the broker."""
    if settings.BROKER_URL and _host is None:
        hints.use_broker(_send)


def _send(run_id: str) -> None:
    """Only the name of the task is needed here, so that the web process does not load the worker."""
    _broker().send_task("patchbay.advance", args=[run_id], queue="patchbay", ignore_result=True, retry=False)


@lru_cache(maxsize=1)
def _broker() -> Celery:
    app = Celery("patchbay-hints", broker=settings.BROKER_URL)
    app.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=2,
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 1},
    )
    return app
