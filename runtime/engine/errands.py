"""Errands: what a person asks of an outside system apart from a run, done by a host.

Only hosts open connections to MCP servers and models, so pools, limits and sandboxing exist once.
An errand is a row that is claimed like a run and awaited like a reply; it is never repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from runtime.engine import accounts, clock
from runtime.engine.attempt import Clients
from runtime.engine.values import storable
from runtime.errors import NodeFailure, PatchbayError
from runtime.gateways import McpServerSettings
from runtime.graph.argument_limits import check_limits
from runtime.graph.node_types import ToolFacts
from runtime.mcp import errors
from runtime.mcp.input_required import InputRequired
from runtime.mcp.oauth_documents import read_client_document
from runtime.mcp.reading import Completable
from runtime.models import Errand

logger = logging.getLogger(__name__)

BATCH = 1_000
KEPT_S = 24 * 3600.0
DEFAULT_TIMEOUT_S = 40.0
INSPECT_TIMEOUT_S = 30.0


def topic(errand_id: UUID) -> str:
    return f"errand.{errand_id.hex}"


def request(
    workspace_id: UUID, kind: str, payload: Mapping[str, Any], *, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Errand:
    """Ask for an errand; it expires when no host has taken it in time."""
    at = clock.now()
    return Errand.objects.create(
        workspace_id=workspace_id,
        kind=kind,
        payload=dict(payload),
        created_at=at,
        expires_at=at + timedelta(seconds=timeout_s),
    )


def claim(host_id: UUID, limit: int) -> list[Errand]:
    """Take what waits and has not expired, oldest first."""
    with transaction.atomic():
        waiting = Errand.objects.filter(status=Errand.Status.QUEUED, expires_at__gt=Now())
        rows = list(waiting.order_by("created_at").select_for_update(skip_locked=True)[:limit])
        Errand.objects.filter(pk__in=[row.pk for row in rows]).update(
            status=Errand.Status.RUNNING, host_id=host_id
        )
    return rows


def forget_old() -> int:
    """Remove a batch of those that nobody can be waiting for any more; what they gave was told long ago."""
    old = Errand.objects.filter(expires_at__lt=clock.later(-KEPT_S)).order_by("pk")
    found = list(old.values_list("pk", flat=True)[:BATCH])
    Errand.objects.filter(pk__in=found).delete()
    return len(found)


async def do(errand: Errand, clients: Clients) -> None:
    """Do one errand and write how it went."""
    result: Any = None
    error: dict[str, Any] | None = None
    try:
        handler = HANDLERS[errand.kind]
        remaining = (errand.expires_at - errand.created_at).total_seconds()
        async with asyncio.timeout(remaining):
            result = storable(await handler(errand, clients), what="The answer")
    except PatchbayError as failure:
        error = failure.as_dict()
    except TimeoutError:
        error = NodeFailure("It took too long.", code="timed_out", retryable=True).as_dict()
    except Exception:
        logger.exception("an errand failed", extra={"action": "errand", "kind": errand.kind})
        error = NodeFailure("It failed in a way that nobody foresaw.", code="internal_error").as_dict()
    await clients.in_database(_finish, errand.pk, result, error)


def _finish(errand_id: UUID, result: Any, error: dict[str, Any] | None) -> None:
    status = Errand.Status.FAILED if error else Errand.Status.DONE
    Errand.objects.filter(pk=errand_id).update(
        status=status, result=result, error=error, ended_at=clock.now()
    )


async def _list_server(errand: Errand, clients: Clients) -> Any:
    settings = await clients.in_database(
        clients.gateways.mcp_servers.settings,
        str(errand.workspace_id),
        errand.payload["server"],
        errand.payload.get("person", ""),
    )
    return asdict(await clients.mcp.list_all(settings, timeout_s=errand.payload.get("timeout_s", 20.0)))


async def _examine_server(errand: Errand, clients: Clients) -> Any:
    payload = errand.payload
    settings = await clients.in_database(
        clients.gateways.mcp_servers.settings,
        str(errand.workspace_id),
        payload["server"],
        payload.get("person", ""),
    )
    report = await clients.mcp.examine(
        settings, tool=payload.get("tool", ""), arguments=payload.get("arguments")
    )
    return asdict(report)


async def _tool_for_trial(errand: Errand, clients: Clients) -> tuple[McpServerSettings, ToolFacts]:
    """Where to call, if the policies allow these arguments and one more call."""
    servers, payload = clients.gateways.mcp_servers, errand.payload
    where = (str(errand.workspace_id), payload["server"], payload["tool"])
    settings, facts = await clients.in_database(servers.tool_for_trial, *where, payload.get("person", ""))
    check_limits(payload["server"], payload["tool"], payload["arguments"], facts.limits)
    if facts.rate is not None:
        await clients.in_database(servers.admit_call, *where)
    return settings, facts


async def _inspect_tool(errand: Errand, clients: Clients) -> Any:
    settings, _ = await _tool_for_trial(errand, clients)
    params = {"name": errand.payload["tool"], "arguments": errand.payload["arguments"]}
    return asdict(await clients.mcp.inspect(settings, "tools/call", params, timeout_s=INSPECT_TIMEOUT_S))


async def _inspect_server(errand: Errand, clients: Clients) -> Any:
    payload = errand.payload
    settings = await clients.in_database(
        clients.gateways.mcp_servers.settings,
        str(errand.workspace_id),
        payload["server"],
        payload.get("person", ""),
    )
    found = await clients.mcp.inspect(
        settings, payload["method"], payload["params"], timeout_s=INSPECT_TIMEOUT_S
    )
    return asdict(found)


async def _call_tool(errand: Errand, clients: Clients) -> Any:
    payload = errand.payload
    settings, facts = await _tool_for_trial(errand, clients)
    result = await clients.mcp.call_tool(
        settings,
        payload["tool"],
        payload["arguments"],
        timeout_s=payload.get("timeout_s", 30.0),
        input_schema=facts.input_schema,
        output_schema=facts.output_schema,
    )
    if isinstance(result, InputRequired):
        raise errors.asks_back(payload["server"], payload["tool"])
    return asdict(result)


async def _complete(errand: Errand, clients: Clients) -> Any:
    payload = errand.payload
    settings = await clients.in_database(
        clients.gateways.mcp_servers.settings, str(errand.workspace_id), payload["server"]
    )
    found = await clients.mcp.complete(
        settings,
        Completable(payload["kind"], payload["name"]),
        payload["argument"],
        payload["value"],
        given=payload["given"],
        timeout_s=payload["timeout_s"],
    )
    return asdict(found)


async def _check_model(errand: Errand, clients: Clients) -> Any:
    settings = await clients.in_database(
        clients.gateways.models.settings, str(errand.workspace_id), errand.payload["model"]
    )
    return asdict(await clients.llm.check(settings))


async def _read_client_document(errand: Errand, clients: Clients) -> Any:
    return await read_client_document(clients.outbound, errand.payload["url"])


HANDLERS: Mapping[str, Callable[[Errand, Clients], Awaitable[Any]]] = {
    "mcp.list": _list_server,
    "mcp.examine": _examine_server,
    "mcp.inspect": _inspect_server,
    "mcp.inspect_tool": _inspect_tool,
    "mcp.call_tool": _call_tool,
    "mcp.complete": _complete,
    "llm.check": _check_model,
    "oauth.client_document": _read_client_document,
    **accounts.HANDLERS,
}
