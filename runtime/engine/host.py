"""The host: one long-lived asyncio loop on its own thread that claims runs and drives them.

A waiting call holds no thread and no process slot. Hints say where to look; the sweep finds everything that
is due without them. The lease belongs to the host's row and is renewed from a second thread, by the
database's clock and only while the loop ticks; a host that cannot renew it stops before it runs out.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import uvloop
from django.db import DatabaseError, connection
from django.db import Error as AnyDatabaseError

from runtime import garbage
from runtime.database_outage import is_outage
from runtime.engine import (
    claiming,
    errands,
    faults,
    lease,
    loading,
    memory,
    polling,
    schedules,
    store,
    sweeping,
)
from runtime.engine.accounts import KeptAccounts
from runtime.engine.attempt import Clients
from runtime.engine.claiming import Claim
from runtime.engine.drive import Drive
from runtime.engine.live import LiveUpdates, RedisLiveUpdates, answer_topic, run_topic
from runtime.engine.new_runs import NewRun
from runtime.engine.presence import Presence
from runtime.engine.server_care import look_after_servers
from runtime.engine.state import RunState
from runtime.engine.upkeep import keep_up
from runtime.engine.writer import Writer
from runtime.errors import LeaseLost
from runtime.gateways import Gateways
from runtime.identifiers import new_id
from runtime.llm.client import LlmClient, load_sdk
from runtime.mcp.pool import McpPool
from runtime.migration_state import missing_migrations
from runtime.models import Run
from runtime.outbound.policy import OutboundPolicy

logger = logging.getLogger(__name__)

CAPACITY = 128
PER_WORKSPACE = 96
"""So that a workspace with many runs leaves room for the others, also when its runs take long."""
SWEEP_EVERY_S = 1.0
DRAIN_S = 30.0
NEAR_S = 60.0
"""A run that is due within this time is offered by a timer of this host instead of waiting for a sweep."""


class Host:
    """Runs until `stop()`; every method but `start`, the hints and `stop` belongs to the loop."""

    def __init__(
        self,
        *,
        gateways: Gateways,
        policy: OutboundPolicy,
        live: LiveUpdates,
        database_threads: int,
        capacity: int = CAPACITY,
        per_workspace: int = PER_WORKSPACE,
        memory_mib: int = 0,
        tells_others: RedisLiveUpdates | None = None,
        on_loop: store.OnLoop | None = None,
    ) -> None:
        """per_workspace: runs of one workspace that it holds at most; memory_mib: it ends when it has more, 0 never

        tells_others   over which other processes may hand it new runs
        on_loop        where changes go to without a thread
        """
        self.id = new_id()
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.gateways = gateways
        self.live = live
        self.capacity = capacity
        self._per_workspace = per_workspace
        self._memory_mib = memory_mib
        self._policy = policy
        self._threads = ThreadPoolExecutor(database_threads, thread_name_prefix="host-db")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="run-host", daemon=True)
        self._up = threading.Event()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._lease = lease.Lease(self.id, self.name)
        self._presence = Presence(tells_others, self.id, self.begin) if tells_others else None
        self._on_loop = on_loop
        self._writer = Writer(
            self.in_database,
            at_once=max(database_threads // 2, 1),
            on_loop=on_loop,
            is_alone=lambda: len(self._drives) <= 1,
        )
        self._claims: dict[UUID, Claim] = {}
        self._begun: dict[UUID, Future[bool]] = {}
        self._drives: dict[UUID, Drive] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._offered: set[UUID] = set()
        self._kick: asyncio.Event
        self._is_firing = False
        self._watched: Counter[UUID] = Counter()
        self._wants_more = False
        self._left_some = False
        self._errands_wait = False
        self._draining = False
        self.clients: Clients

    # --- from other threads -------------------------------------------------------------------

    def start(self) -> None:
        """Begin in the background; returns at once."""
        self._thread.start()

    def offer(self, run_id: UUID) -> None:
        """A hint that a run may be due or has news; it may be dropped."""
        self._tell_loop(self._offer, run_id)

    def offer_new(self, new: NewRun) -> None:
        """The same of a run that was accepted a moment ago, with its row."""
        self._tell_loop(self._offer_new, new)

    def begin(self, new: NewRun) -> Future[bool]:
        """Begin a run that is in no database yet: whether its first write inserted it; see `commands.begin_run`."""
        begun: Future[bool] = Future()
        # From here on it cannot be cancelled by who waits for it.
        begun.set_running_or_notify_cancel()
        if not self._tell_loop(self._begin_run, new, begun):
            begun.set_result(False)
        return begun

    def offer_errand(self) -> None:
        """A hint that an errand waits."""
        self._tell_loop(self._offer_errand)

    def stop(self, grace_s: float = DRAIN_S) -> None:
        """Finish the calls that are in flight, hand everything else over, and end."""
        self._stopping.set()
        self._tell_loop(self._kick.set)
        self._thread.join(grace_s + 5)

    def _tell_loop(self, function: Callable[..., Any], *args: Any) -> bool:
        """Call it on the host's loop, from any thread; False if that is not up, or has just closed."""
        if self._loop is None or not self._up.is_set():
            return False
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return False
        return True

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    # --- what a drive borrows (drive.Surroundings) ------------------------------------------------

    async def in_database(
        self, function: Callable[..., Any], *args: Any, patience_s: float = math.inf
    ) -> Any:
        """Run ORM work on a database thread; while it is away it is tried again, as long as the lease holds.

        patience_s   for so long at most
        """
        loop = asyncio.get_running_loop()
        pause, until = 0.1, loop.time() + patience_s
        while True:
            try:
                return await loop.run_in_executor(self._threads, partial(_with_connection, function, *args))
            except AnyDatabaseError as error:
                if not is_outage(error) or loop.time() >= until:
                    raise
                if self._lease.is_lost():
                    raise LeaseLost("The database was away for longer than the lease.") from error
                logger.warning(
                    "database away, trying again", extra={"action": "database", "error": str(error)[:200]}
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def write(self, write: store.Write) -> bool:
        was_inserted = write.claim.is_inserted
        is_written = await self._writer.write(write)
        if not was_inserted:
            self._tell_begun(write.claim, is_written)
        return is_written

    def now(self) -> datetime:
        return self._lease.now()

    def check_lease(self) -> None:
        if self._lease.is_lost():
            raise LeaseLost("This host was too late to renew its lease.")

    def tell(self, state: RunState) -> None:
        run = state.run
        try:
            with faults.around("publish"):
                self.live.publish(run_topic(run.id), {"seq": run.event_seq, "status": str(run.status)})
                if not state.answer_told and (state.has_replied or state.ending is not None):
                    state.answer_told = True
                    self.live.publish(answer_topic(run.id), {"answer": [state.has_replied, run.result]})
                    if self._presence is not None:
                        self._presence.answered(run.id)
        except Exception:
            # What it tells of is committed: a run must not fail because nobody could be told.
            logger.exception("news of a run was lost", extra={"action": "publish", "run_id": run.id})

    def claim_more(self) -> None:
        """There is room for what the last claim left."""
        if self._left_some:
            self._wants_more = True
            self._kick.set()

    # --- the loop -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except Exception:
            logger.exception("the host ended unexpectedly", extra={"action": "host", "host": self.name})
        finally:
            self._up.clear()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._kick = asyncio.Event()
        await self._register()
        self.clients = Clients(
            LlmClient(self._policy),
            McpPool(self._policy, accounts=KeptAccounts(self.gateways.mcp_servers, self.in_database)),
            self.gateways,
            self.in_database,
            self._policy,
        )
        care = [
            asyncio.create_task(look_after_servers(self.clients)),
            asyncio.create_task(keep_up(self.in_database)),
        ]
        self._up.set()
        if self._presence is not None:
            await self._presence.listen()
        self._watch_memory()
        care.append(asyncio.create_task(self._load_the_rest()))
        logger.info("host started", extra={"action": "host", "host": self.name})
        try:
            await self._sweep_until_stopped()
            await self._drain()
        finally:
            for task in care:
                task.cancel()
            await asyncio.wait(care)
            self._lease.stop()
            await self.clients.mcp.close()
            await self.clients.llm.close()
            await self.live.close()
            if self._on_loop is not None:
                await self._on_loop.close()
            self._ended.set()
        logger.info("host stopped", extra={"action": "host", "host": self.name})

    def _watch_memory(self) -> None:
        if self._memory_mib:
            watched = (self._memory_mib, self._end_process, self._ended)
            threading.Thread(target=memory.keep_under, args=watched, name="host-memory", daemon=True).start()

    async def _load_the_rest(self) -> None:
        """What the start did not wait for."""
        await asyncio.to_thread(load_sdk)
        garbage.leave_what_is_here()

    async def _register(self) -> None:
        """Wait for the tables, as this release needs them, if the migration has not run yet, then take a lease."""
        told = False
        while not self._stopping.is_set():
            try:
                problem = await self._loop_database(self._take_lease)
            except DatabaseError as error:
                problem = str(error) or type(error).__name__
            if not problem:
                self._lease.keep(asyncio.get_running_loop(), self._lose_everything)
                return
            if not told:
                logger.warning(
                    "waiting for the database and its tables",
                    extra={"action": "host", "error": problem[:200]},
                )
            told = True
            await asyncio.sleep(1)

    def _take_lease(self) -> str:
        """Why there is none yet; "" once it is taken."""
        if missing := missing_migrations():
            return f"not migrated: {', '.join(missing)}"
        self._lease.take()
        return ""

    async def _loop_database(self, function: Callable[..., Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(_with_connection, function)
        )

    async def _sweep_until_stopped(self) -> None:
        next_sweep = 0.0
        while not self._stopping.is_set():
            try:
                if self._offered:
                    await self._claim_offered()
                is_sweep = time.monotonic() >= next_sweep
                if self._wants_more and not is_sweep:
                    await self._claim(leaves_new=False)
                if is_sweep:
                    next_sweep = time.monotonic() + SWEEP_EVERY_S
                    await self._sweep()
                if self._errands_wait:
                    await self._take_errands()
            except LeaseLost:
                # The thread that keeps the lease may not have noticed yet, and would not any more.
                self._lose_everything()
                await self._register()
            except DatabaseError:
                logger.exception("a sweep failed", extra={"action": "sweep"})
            if self._offered:
                continue
            try:
                await asyncio.wait_for(self._kick.wait(), max(next_sweep - time.monotonic(), 0.01))
            except TimeoutError:
                continue
            self._kick.clear()

    async def _sweep(self) -> None:
        """Do what is due, whether or not a hint told of it; a host that has lost its lease finds out here."""
        self.check_lease()
        if self._presence is not None:
            self._presence.tell(self.capacity - len(self._claims) - len(self._offered))
        found = await self.in_database(sweeping.look, self.id)
        self._errands_wait = self._errands_wait or found.errands
        if found.schedules and not self._is_firing:
            self._is_firing = True
            self._begin(self._fire_schedules())
        if found.runs:
            await self._claim(leaves_new=True)
        if found.held:
            await self._look_at_held()
        if found.watches:
            await self._take_watches()

    def _end_process(self) -> None:
        """As if it were asked to, unless it is; whoever supervises it starts it anew."""
        if not self._stopping.is_set():
            self._stopping.set()
            os.kill(os.getpid(), signal.SIGTERM)

    async def _drain(self) -> None:
        """Let calls in flight end within the grace period, give the rest back."""
        self._draining = True
        if self._presence is not None:
            self._presence.tell(0)
        deadline = time.monotonic() + DRAIN_S
        for drive in self._drives.values():
            drive.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(deadline - time.monotonic(), 0.1))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._loop_database(self._lease.give_up)

    # --- claiming and driving ---------------------------------------------------------------------------

    def _offer(self, run_id: UUID) -> None:
        drive = self._drives.get(run_id)
        if drive is not None:
            drive.wake()
        elif len(self._claims) + len(self._offered) < self.capacity:
            self._offered.add(run_id)
            self._kick.set()

    def _offer_new(self, new: NewRun) -> None:
        """Begin it at once: its first write takes it, or finds that somebody else was quicker."""
        state = loading.state_of_new(new.run) if self._can_begin(new.run) else None
        if state is None:
            self._offer(new.run.pk)
        else:
            self._hold(claiming.claim_new(new, self.id, self.gateways), state)

    def _begin_run(self, new: NewRun, begun: Future[bool]) -> None:
        state = loading.state_of_queued(new.run, self.now()) if self._can_begin(new.run) else None
        if state is None:
            begun.set_result(False)
            return
        self._begun[new.run.pk] = begun
        self._hold(claiming.claim_new(new, self.id, self.gateways), state)

    def _can_begin(self, run: Run) -> bool:
        """Whether it is not held here already, and there is room for it."""
        return not (
            run.pk in self._claims
            or self._draining
            or self._lease.is_lost()
            or self._held()[run.workspace_id] >= self._per_workspace
            or len(self._claims) + len(self._offered) >= self.capacity
        )

    def _tell_begun(self, claim: Claim, what: bool | Exception) -> None:
        """Tell whoever wants to know whether the first write of a run has inserted it."""
        begun = self._begun.pop(claim.run_id, None)
        if begun is None:
            return
        if isinstance(what, Exception):
            begun.set_exception(what)
        else:
            begun.set_result(what)

    async def _claim_offered(self) -> None:
        """Take what hints told of, if that is the simple case that it mostly is; else it is found by the sweep."""
        fullest = max(self._held().values(), default=0)
        room = min(self.capacity - len(self._claims), self._per_workspace - fullest)
        offered, self._offered = self._offered, set()
        if len(offered) > room or self._draining:
            self._wants_more = True
            return
        self.check_lease()
        for claim, state in await self.in_database(loading.claim_free, self.id, self.gateways, offered):
            self._hold(claim, state)

    async def _claim(self, *, leaves_new: bool) -> None:
        self._wants_more = False
        room = self.capacity - len(self._claims)
        if room <= 0 or self._draining:
            return
        self.check_lease()
        held = self._held()
        holds_suspect = any(claim.is_suspect for claim in self._claims.values())
        claims: list[Claim] = await self.in_database(
            partial(
                claiming.claim_due,
                self.id,
                self.gateways,
                limit=room,
                may_take_suspect=not holds_suspect,
                held=held,
                per_workspace=self._per_workspace,
                begun=[claim.run_id for claim in self._claims.values() if not claim.is_taken],
                leaves_new=leaves_new,
            )
        )
        for claim in claims:
            self._hold(claim)
        self._left_some = (
            len(claims) == room
            or max(self._held().values(), default=0) >= self._per_workspace
            or any(claim.is_suspect for claim in self._claims.values())
        )

    def _held(self) -> Counter[UUID]:
        """How many runs of each workspace it has."""
        return Counter(claim.workspace_id for claim in self._claims.values())

    def _hold(self, claim: Claim, state: RunState | None = None) -> None:
        self._claims[claim.run_id] = claim
        self._begin(self._drive_while_held(claim, state))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that a drain waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive_while_held(self, claim: Claim, state: RunState | None) -> None:
        """Drive a run for as long as it is this host's, then make room for another."""
        try:
            await self._drive(claim, state)
            if claim.is_suspect:
                await self.in_database(lease.clear_suspect, self.id)
        finally:
            # A run that was given back may have been claimed anew before this task got here.
            if self._claims.get(claim.run_id) is claim:
                del self._claims[claim.run_id]
            if not claim.is_inserted:
                self._tell_begun(claim, False)
        if claim.is_inserted and not claim.is_taken:
            # Something has happened to it since it was accepted, which a claim that reads it will see.
            self._offer(claim.run_id)
        self.claim_more()

    async def _drive(self, claim: Claim, state: RunState | None) -> None:
        again: datetime | None = None
        drive: Drive | None = None
        try:
            state = state or await self.in_database(loading.load, claim)
            drive = self._drives[claim.run_id] = Drive(state, claim, self)
            if self._draining:
                drive.stop()
            await drive.go()
            again = state.next_due() if state.ending is None else None
        except LeaseLost as error:
            if claim.is_taken:
                logger.warning(
                    "a run was left to another host", extra={"action": "drive", "error": error.message}
                )
        except asyncio.CancelledError:
            await self._hand_back(claim)
            raise
        except Exception as error:
            if not claim.is_inserted and isinstance(error, AnyDatabaseError) and is_outage(error):
                self._tell_begun(claim, error)
                return
            logger.exception("a run could not be driven", extra={"action": "drive", "run_id": claim.run_id})
            if claim.is_inserted:
                await self.in_database(store.fail_broken, claim)
        finally:
            if self._drives.get(claim.run_id) is drive:
                self._drives.pop(claim.run_id, None)
        self._offer_later(claim.run_id, again)

    async def _hand_back(self, claim: Claim) -> None:
        """Where the database is away another host finds the run as soon as the lease has run out."""
        try:
            await asyncio.shield(self._loop_database(partial(store.hand_back, claim)))
        except AnyDatabaseError as error:
            if not is_outage(error):
                raise

    def _offer_later(self, run_id: UUID, due_at: datetime | None) -> None:
        """A timer for what is due soon; the sweep finds it in any case."""
        if due_at is None or self._draining:
            return
        delay = (due_at - self.now()) / timedelta(seconds=1)
        if delay < NEAR_S:
            asyncio.get_running_loop().call_later(max(delay, 0) + 0.01, self._offer, run_id)

    async def _look_at_held(self) -> None:
        """Wake drives whose run has news that no hint told of."""
        wakes: dict[UUID, int] = await self.in_database(loading.wakes_of, self.id)
        if unknown := wakes.keys() - self._claims.keys():
            await self.in_database(loading.give_back, self.id, unknown)
        for run_id, drive in self._drives.items():
            if wakes.get(run_id, drive.claim.wakes) != drive.claim.wakes:
                drive.wake()

    async def _fire_schedules(self) -> None:
        """Batch after batch until nothing is due; claims and everything else go on in between."""
        try:
            while not self._draining and await self.in_database(schedules.fire_due, self.gateways):
                self.check_lease()
        except (DatabaseError, LeaseLost):
            # The next sweep tries again, and finds out what has become of the lease.
            logger.exception("schedules could not be fired", extra={"action": "schedule"})
        finally:
            self._is_firing = False

    async def _take_watches(self) -> None:
        """Look at what is due to be looked at; so many at a time that runs are not held up."""
        room = polling.AT_ONCE - self._watched.total()
        if room <= 0 or self._draining:
            return
        for look in await self.in_database(polling.claim, room, +self._watched):
            self._watched[look.workspace_id] += 1
            self._begin(self._look(look))

    async def _look(self, look: polling.Look) -> None:
        try:
            await polling.look(look, self.clients)
        finally:
            self._watched[look.workspace_id] -= 1

    def _offer_errand(self) -> None:
        self._errands_wait = True
        self._kick.set()

    async def _take_errands(self) -> None:
        self._errands_wait = False
        for errand in await self.in_database(errands.claim, self.id, 8):
            self._begin(self._do_errand(errand))

    async def _do_errand(self, errand: Any) -> None:
        await errands.do(errand, self.clients)
        self.live.publish(errands.topic(errand.pk), {"done": True})

    def _lose_everything(self) -> None:
        """The lease is gone: stop every call at once; another host goes on from the rows."""
        logger.error("the lease was lost, all runs are left to other hosts", extra={"action": "lease"})
        for task in list(self._tasks):
            task.cancel()
        self._kick.set()


def _with_connection(function: Callable[..., Any], *args: Any) -> Any:
    """Call with this thread's connection; a broken one is dropped, so that the next call opens another."""
    try:
        return function(*args)
    except AnyDatabaseError as error:
        if is_outage(error):
            connection.close()
        raise
