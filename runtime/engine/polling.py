"""Looking at what watches watch: each item that is new or has changed starts one run, however often a host dies.

A due watch is claimed by a fence, as runs are, and asked of by one host at a time. The runs that a look starts and
the memory of their items are written in one transaction, which names the fence: what a dead host had not written is
seen again at the next look, and what it had written is not.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from runtime.engine import clock, faults, turns
from runtime.engine.attempt import Clients
from runtime.engine.values import storable
from runtime.errors import LeaseLost, NodeFailure, PatchbayError
from runtime.gateways import Caller, Gateways
from runtime.graph.argument_limits import check_limits
from runtime.mcp import errors
from runtime.mcp.input_required import InputRequired
from runtime.models import Schedule, WatchedItem
from runtime.watching import Sighting, Watch

logger = logging.getLogger(__name__)

AT_ONCE = 8
PER_WORKSPACE = 6
"""So that a workspace whose servers are slow leaves room for the others."""
LOOK_TIMEOUT_S = 30.0
TAKEN_FOR_S = 60.0
"""Whoever takes longer, or dies, has the watch taken by another host after this time."""
PER_WRITE = 20
"""Items in one transaction: a start of a run is several writes, and SQLite has one writer."""
KEYS_PER_QUERY = 500
REMEMBERED = 10_000
LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True)
class Look:
    """One look at one watch, taken by this host."""

    schedule_id: UUID
    workspace_id: UUID
    workflow_id: UUID
    node: str
    fence: int
    watch: Watch
    is_first: bool


class _Overtaken(Exception):
    """The watch was changed, paused or taken by another host in the meantime; nothing more may be written."""


def claim(limit: int, held: Mapping[UUID, int]) -> list[Look]:
    """Take up to `limit` watches that are due, the longest overdue of each workspace in turn.

    held   workspace -> how many of its watches the host looks at; PER_WORKSPACE are the most
    """
    counts = Counter(held)
    full = [workspace for workspace, count in counts.items() if count >= PER_WORKSPACE]
    looks: list[Look] = []
    due = turns.due_now(Schedule.Kind.WATCH)
    with transaction.atomic():
        for row in turns.take_in_turn(due, limit, without=full):
            if counts[row.workspace_id] < PER_WORKSPACE:
                counts[row.workspace_id] += 1
                looks.append(_taken(row))
    return looks


def _taken(row: Schedule) -> Look:
    row.fence += 1
    Schedule.objects.filter(pk=row.pk).update(fence=row.fence, due_at=clock.later(TAKEN_FOR_S))
    return _look_of(row)


async def look(taken: Look, clients: Clients) -> None:
    """Ask the server, start the runs, and say when to look next; whatever goes wrong is written on the watch."""
    try:
        await _look(taken, clients)
    except (_Overtaken, LeaseLost):
        logger.info("a look was overtaken", extra={"action": "watch", "schedule_id": str(taken.schedule_id)})
    except DatabaseError as error:
        logger.warning("a look was not written", extra={"action": "watch", "error": str(error)[:200]})
    except PatchbayError as error:
        await clients.in_database(_note_failure, taken, error)
    except Exception:
        logger.exception("a look failed", extra={"action": "watch", "schedule_id": str(taken.schedule_id)})
        unforeseen = NodeFailure(
            "It failed in a way that nobody foresaw. The worker's log has the details.",
            code="internal_error",
        )
        await clients.in_database(_note_failure, taken, unforeseen)


def pause_after(every_s: float, failures: int, error: PatchbayError) -> float:
    """Seconds until the next try: twice as long after each failure, up to an hour, and as the server asks for."""
    pause_s = min(every_s * 2.0 ** min(failures - 1, 20), max(LONGEST_PAUSE_S, every_s))
    asked = error.details.get("retry_after_s")
    if isinstance(asked, (int, float)):
        pause_s = max(pause_s, min(float(asked), LONGEST_PAUSE_S))
    return pause_s * random.uniform(0.8, 1.2)  # noqa: S311


async def _look(taken: Look, clients: Clients) -> None:
    triggers = clients.gateways.triggers
    live: tuple[Mapping[str, Any], int] | None = await clients.in_database(triggers.live, taken.workflow_id)
    if live is None:
        await clients.in_database(_note_look, taken, None)
        return
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            sightings = await _seen(taken, *live, clients)
    except TimeoutError as error:
        raise NodeFailure(
            f"Looking took longer than {LOOK_TIMEOUT_S:g} s.", code="timed_out", retryable=True
        ) from error
    news = await clients.in_database(_unseen, taken, sightings)
    for begin in range(0, len(news), PER_WRITE):
        await clients.in_database(_take, taken, news[begin : begin + PER_WRITE], clients.gateways)
    await clients.in_database(_note_look, taken, sightings)


async def _seen(taken: Look, facts: Mapping[str, Any], version: int, clients: Clients) -> list[Sighting]:
    """What the server shows now."""
    servers, watch = clients.gateways.mcp_servers, taken.watch
    workspace = str(taken.workspace_id)
    caller = Caller(str(facts["workflow"]["slug"]), version)
    settings, tool = await clients.in_database(
        servers.tool_for_call, workspace, watch.server, watch.tool, caller
    )
    _check_harmless(watch, tool.effect, tool.approval)
    names = {"workspace": facts["workspace"], "vars": facts["vars"]}
    arguments = watch.asked(names)
    check_limits(watch.server, watch.tool, arguments, tool.limits)
    if tool.rate is not None:
        await clients.in_database(servers.admit_call, workspace, watch.server, watch.tool)
    result = await clients.mcp.call_tool(
        settings,
        watch.tool,
        arguments,
        timeout_s=min(LOOK_TIMEOUT_S - 2, tool.timeout_s or LOOK_TIMEOUT_S),
        idempotency_key=f"{taken.schedule_id.hex}-{taken.fence}",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
    )
    if isinstance(result, InputRequired):
        raise errors.asks_back(watch.server, watch.tool)
    is_structured = tool.output_schema and isinstance(result.structured, dict)
    given = (
        result.structured
        if is_structured
        else {"text": result.text, "content": result.content, "data": result.data}
    )
    # A large list takes seconds to go through, in which the loop must go on.
    return await asyncio.to_thread(_sighted, watch, given, names)


def _sighted(watch: Watch, given: Any, names: Mapping[str, Any]) -> list[Sighting]:
    return watch.sightings(storable(given, what="What the tool gave"), names)


def _check_harmless(watch: Watch, effect: str, approval: Mapping[str, Any] | None) -> None:
    """What an admin decided since the publish; raises NodeFailure."""
    details = {"server": watch.server, "tool": watch.tool, "sent": False}
    if effect == "once":
        message = f'"{watch.tool}" may change something each time it is called, so it is not looked at by the clock.'
        raise NodeFailure(message, code="tool_has_effects", details=details)
    if approval is not None:
        message = f'Somebody must agree to each call of "{watch.tool}", so it is not looked at by the clock.'
        raise NodeFailure(message, code="approval_needed", details=details)


# --- writing ------------------------------------------------------------------------------------


def _unseen(taken: Look, sightings: Sequence[Sighting]) -> list[Sighting]:
    """What is new or looks different, so that an ordinary look, in which nothing is, writes but once."""
    rows = WatchedItem.objects.filter(schedule_id=taken.schedule_id)
    known: dict[str, str] = {}
    keys = [row.key for row in sightings]
    for begin in range(0, len(keys), KEYS_PER_QUERY):
        part = rows.filter(key__in=keys[begin : begin + KEYS_PER_QUERY])
        known.update(part.values_list("key", "digest"))
    return [row for row in sightings if known.get(row.key) != row.digest]


def _take(taken: Look, sightings: Sequence[Sighting], gateways: Gateways) -> None:
    """Start the runs of what is new or has changed, and remember it; raises _Overtaken."""
    with faults.around("watch", taken.node), transaction.atomic():
        _mine(taken)
        at = clock.now()
        starter = gateways.triggers.starters([taken.workflow_id], "watch").get(taken.workflow_id)
        rows = WatchedItem.objects.filter(schedule_id=taken.schedule_id)
        known = dict(rows.filter(key__in=[row.key for row in sightings]).values_list("key", "digest"))
        for sighting in sightings:
            if known.get(sighting.key) == sighting.digest:
                continue
            run_id = None
            if not (taken.is_first and taken.watch.first == "remember"):
                run_id = starter(taken.node, sighting.value) if starter else None
                if run_id is None:
                    # As many runs as may go on do so already: what is not remembered is new at the next look.
                    continue
            seen = {"digest": sighting.digest, "run_id": run_id, "changed_at": at}
            if sighting.key in known:
                rows.filter(key=sighting.key).update(**seen)
            else:
                WatchedItem.objects.create(schedule_id=taken.schedule_id, key=sighting.key, **seen)


@transaction.atomic
def _note_look(taken: Look, sightings: Sequence[Sighting] | None) -> None:
    """Say when to look next. sightings: what was seen, None if nobody asked."""
    row = _mine(taken)
    row.due_at = clock.now() + timedelta(seconds=taken.watch.every_s * random.uniform(0.95, 1.05))  # noqa: S311
    if sightings is not None:
        row.looked_at, row.failures, row.error = clock.now(), 0, None
        _forget_oldest(taken, sightings)
    row.save(update_fields=["due_at", "looked_at", "failures", "error"])


@transaction.atomic
def _note_failure(taken: Look, error: PatchbayError) -> None:
    try:
        row = _mine(taken)
    except _Overtaken:
        return
    row.failures += 1
    row.error = storable(error.as_dict(), what="What went wrong")
    row.due_at = clock.now() + timedelta(seconds=pause_after(taken.watch.every_s, row.failures, error))
    row.save(update_fields=["due_at", "failures", "error"])
    logger.warning(
        "a look failed",
        extra={"action": "watch", "schedule_id": str(row.pk), "error": error.code, "failures": row.failures},
    )


def _mine(taken: Look) -> Schedule:
    """The watch, locked, if it is still this look's; raises _Overtaken."""
    rows = Schedule.objects.select_for_update().filter(pk=taken.schedule_id, fence=taken.fence)
    row = rows.filter(is_paused=False).first()
    if row is None:
        raise _Overtaken
    return row


def _forget_oldest(taken: Look, sightings: Sequence[Sighting]) -> None:
    """Keep the memory bounded; what the server shows now is never forgotten."""
    rows: QuerySet[WatchedItem] = WatchedItem.objects.filter(schedule_id=taken.schedule_id)
    if rows.count() <= REMEMBERED:
        return
    shown = {sighting.key for sighting in sightings}
    keys = rows.order_by("-changed_at", "key").values_list("key", flat=True)[REMEMBERED - len(shown) :]
    surplus = [key for key in keys if key not in shown]
    for begin in range(0, len(surplus), KEYS_PER_QUERY):
        rows.filter(key__in=surplus[begin : begin + KEYS_PER_QUERY]).delete()


def _look_of(row: Schedule) -> Look:
    return Look(
        schedule_id=row.pk,
        workspace_id=row.workspace_id,
        workflow_id=row.workflow_id,
        node=row.node,
        fence=row.fence,
        watch=Watch.from_spec(row.spec),
        is_first=row.looked_at is None,
    )
