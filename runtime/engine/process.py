"""What belongs to the process: its live updates, and its host if it has one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string
from kombu import Connection, Producer
from kombu.exceptions import ChannelError

from runtime.engine import faults, hints
from runtime.engine.live import EmbeddedLiveUpdates, LiveUpdates, RedisLiveUpdates
from runtime.engine.loop_database import LoopDatabase
from runtime.engine.loop_sqlite import LoopSqlite
from runtime.engine.presence import KnownHosts
from runtime.engine.waiting import InDatabase
from runtime.gateways import Gateways
from runtime.outbound.policy import OutboundPolicy

if TYPE_CHECKING:
    from runtime.engine.host import Host

DATABASE_THREADS = 4
HINTS_QUEUE = "patchbay.hints"
MAX_UNHEARD = 10_000
"""Messages that nobody has taken. Workers that come back sweep; what was kept for them would only fill the broker."""
LOOK_EVERY = 500

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
        tells_others=_redis(),
        on_loop=LoopSqlite() if settings.EMBEDDED else LoopDatabase(connection.get_connection_params()),
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
        hints.use_broker(BrokerSender(settings.BROKER_URL))


def listen_for_hosts(in_database: InDatabase) -> None:
    """The same: new runs may go straight to the workers' hosts, which tell of themselves; called on its event loop."""
    known = _known_hosts()
    if known is not None and _host is None:
        hints.use_other_hosts(known)
        known.listen(in_database)


@lru_cache(maxsize=1)
def _known_hosts() -> KnownHosts | None:
    redis = _redis()
    return KnownHosts(redis) if redis else None


def _redis() -> RedisLiveUpdates | None:
    live = live_updates()
    return live if isinstance(live, RedisLiveUpdates) else None


class BrokerSender:
    """Puts hints on the workers' queue over one kept connection; called from one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._producer: Producer | None = None
        self._sent = 0

    def __call__(self, what: list[hints.Hint]) -> None:
        """raises   whatever the broker's library raises; the next call connects anew"""
        try:
            self._connected().publish(
                {
                    "runs": {
                        str(hint.run_id): hint.new.sealed() if hint.new else ""
                        for hint in what
                        if hint.run_id
                    },
                    "errands": any(hint.run_id is None for hint in what),
                },
                routing_key=HINTS_QUEUE,
                serializer="json",
                delivery_mode="transient",
            )
            self._sent += 1
            if self._sent % LOOK_EVERY == 0:
                self._forget_unheard(self._connected().channel)
        except Exception:
            self._producer = None
            raise

    def _forget_unheard(self, channel: Any) -> None:
        """Redis knows no longest queue: while no worker takes hints they would grow for as long as there is memory."""
        try:
            unheard = channel.queue_declare(HINTS_QUEUE, passive=True).message_count
        except ChannelError:  # an empty queue is none
            return
        if unheard > MAX_UNHEARD:
            channel.queue_purge(HINTS_QUEUE)

    def _connected(self) -> Producer:
        if self._producer is None:
            options = {"socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 1}
            connection = Connection(self._url, connect_timeout=2, transport_options=options)
            self._producer = connection.Producer()
        return self._producer
