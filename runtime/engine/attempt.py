"""One attempt at one step: the surroundings it gets, and its time limit."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from runtime.engine import clock, faults, spending
from runtime.engine.known_settings import KnownSettings
from runtime.engine.values import storable
from runtime.errors import NodeFailure, PatchbayError
from runtime.gateways import Caller, ChildStart, Gateways, McpServerSettings, ModelSettings
from runtime.graph.node_types import ToolFacts
from runtime.graph.templates import parse_template, render_config
from runtime.nodes.base import NodeType, Outcome, Park, Waited
from runtime.outbound.policy import OutboundPolicy
from runtime.time_limits import standing_still

if TYPE_CHECKING:
    from runtime.llm.client import LlmClient
    from runtime.mcp.pool import McpPool
    from runtime.mcp.server_log import LogLine

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

FIELDS_TOLD = 20
MAX_RUN_DEPTH = 10
GRACE_S = 2.0
"""The client's own limit comes first and names the cause; this one is behind it."""


@dataclass(frozen=True)
class Clients:
    """What outside calls go through; they live on the host's loop."""

    llm: LlmClient
    mcp: McpPool
    gateways: Gateways
    in_database: Callable[..., Awaitable[Any]]
    """Runs a function of the gateways on a database thread."""
    outbound: OutboundPolicy = field(default_factory=OutboundPolicy)
    check_budget: Callable[[UUID], bool] = spending.check
    """Whether a workspace has budgets; raises BudgetExceeded where it may not ask a model any more."""
    known: KnownSettings = field(default_factory=KnownSettings)


@dataclass
class AttemptContext:
    """What `NodeContext` promises to a node."""

    clients: Clients
    scope: Mapping[str, Any]
    workspace_id: str
    run_id: str
    path: str
    attempt: int
    idempotency_key: str
    timeout_s: float
    started_at: datetime
    trigger: Any
    on_progress: Callable[[str, float | None], None]
    on_log: Callable[[LogLine], None]
    depth: int = 0
    version: int | None = None
    started_by: str = ""
    settings_revision: int = 0
    usage: dict[str, Any] = field(default_factory=dict)
    asked: Sequence[Waited] = ()
    on_question: Callable[[Park], Awaitable[Mapping[str, Any] | None]] | None = None
    clock: Callable[[], datetime] | None = None
    limit: asyncio.Timeout | None = None
    _tools: dict[tuple[str, str], tuple[McpServerSettings, ToolFacts]] = field(default_factory=dict)
    spent: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Connection -> what was recorded of it, as runtime.models.Spend takes it."""
    _connection: str = ""

    def now(self) -> datetime:
        return self.clock() if self.clock else self.started_at

    @property
    def llm(self) -> LlmClient:
        return self.clients.llm

    @property
    def mcp(self) -> McpPool:
        return self.clients.mcp

    def render(self, text: str) -> Any:
        return parse_template(text).render(self.scope)

    async def model(self, reference: str) -> ModelSettings:
        settings = await self._read(self._admitted_model, reference)
        self._connection = settings.connection
        spent = self.spent.setdefault(settings.connection, {"requests": 0, "tokens": 0, "cost_usd": 0.0})
        spent["requests"] += 1
        return settings

    async def _read(self, function: Callable[..., tuple[Found, bool]], *args: Any) -> Found:
        """What the database gives, or what it gave since the settings were last changed.

        function   returns what is read, and whether nothing but a setting could change it
        """

        async def read() -> tuple[Found, bool]:
            found: tuple[Found, bool] = await self.clients.in_database(function, *args)
            return found

        key = (function.__name__, *args)
        return await self.clients.known.read(self.workspace_id, self.settings_revision, key, read)

    def _admitted_model(self, reference: str) -> tuple[ModelSettings, bool]:
        """The model, once budgets and its connection's rate let a call through; whether any call of it is let through."""
        models = self.clients.gateways.models
        has_budgets = self.clients.check_budget(UUID(self.workspace_id))
        settings = models.settings(self.workspace_id, reference)
        if settings.has_rate:
            at, minute = (now := clock.now()), now.replace(second=0, microsecond=0)
            recorded = spending.since(UUID(self.workspace_id), settings.connection, minute)
            models.admit_call(self.workspace_id, settings.connection, at, *recorded)
        return settings, not (has_budgets or settings.has_rate)

    async def child(self, workflow: str, given: Mapping[str, Any]) -> ChildStart:
        if self.depth >= MAX_RUN_DEPTH:
            raise NodeFailure(
                f"Workflows start each other {MAX_RUN_DEPTH} deep here; that is as far as it goes.",
                code="nested_too_deep",
                details={"depth": self.depth},
            )
        triggers = self.clients.gateways.triggers
        start: ChildStart = await self.clients.in_database(
            triggers.child_start, self.workspace_id, workflow, given
        )
        return start

    async def tool(self, server: str, tool: str) -> tuple[McpServerSettings, ToolFacts]:
        # Read once for an attempt: whether somebody must agree, the effect and the call itself go by the same facts.
        if (server, tool) not in self._tools:
            self._tools[server, tool] = await self._read(self._allowed_tool, server, tool, self._caller)
        return self._tools[server, tool]

    def _allowed_tool(
        self, server: str, tool: str, caller: Caller
    ) -> tuple[tuple[McpServerSettings, ToolFacts], bool]:
        servers = self.clients.gateways.mcp_servers
        settings, facts = servers.tool_for_call(self.workspace_id, server, tool, caller)
        # Whose account it is hangs on who belongs to the workspace, and on sign-ins.
        return (settings, facts), not settings.account

    async def ask(self, question: Park) -> Mapping[str, Any] | None:
        if self.on_question is None:
            return None
        with standing_still(self.limit):
            return await self.on_question(question)

    async def begin_sampling(self, server_id: str) -> None:
        await self.clients.in_database(self.clients.gateways.mcp_servers.begin_sampling, server_id)

    async def end_sampling(self, server_id: str, usage: Mapping[str, Any]) -> None:
        await self.clients.in_database(self.clients.gateways.mcp_servers.end_sampling, server_id, usage)

    async def server(self, server: str) -> McpServerSettings:
        servers = self.clients.gateways.mcp_servers
        found: McpServerSettings = await self.clients.in_database(servers.settings, self.workspace_id, server)
        return found

    async def admit(self, server: str, tool: str) -> None:
        servers = self.clients.gateways.mcp_servers
        await self.clients.in_database(servers.admit_call, self.workspace_id, server, tool)

    @property
    def _caller(self) -> Caller:
        run = self.scope.get("run") or {}
        workflow = str((run.get("workflow") or {}).get("slug", ""))
        return Caller(workflow, self.version, self.started_by)

    def spend(self, usage: Mapping[str, Any]) -> None:
        for name in ("input_tokens", "output_tokens", "cost_usd"):
            if usage.get(name) is not None:
                self.usage[name] = self.usage.get(name, 0) + usage[name]
        if usage.get("model"):
            self.usage["model"] = usage["model"]
        if self._connection and usage:
            spent = self.spent[self._connection]
            spent["tokens"] += usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
            spent["cost_usd"] += usage.get("cost_usd") or 0.0

    def progress(self, message: str, share: float | None = None) -> None:
        self.on_progress(message, share)

    def log(self, line: LogLine) -> None:
        self.on_log(line)


def idempotency_key(origin_run: UUID, path: str) -> str:
    """The same for every attempt at a step, and for retries of the run."""
    return hashlib.sha256(f"{origin_run}/{path}".encode()).hexdigest()[:40]


def rendered_config(
    node_type: NodeType[Any], config: Mapping[str, Any], scope: Mapping[str, Any]
) -> dict[str, Any]:
    """The config with every expression replaced by its value, fit for the step's row.

    raises   ExpressionError naming the field; NodeFailure (value_too_large)
    """
    rendered: dict[str, Any] = storable(
        render_config(config, node_type.config_schema, scope), what=f'What "{node_type.title}" was given'
    )
    return rendered


def typed_config(node_type: NodeType[Any], config: Mapping[str, Any]) -> BaseModel:
    """The config as the node's own model; raises NodeFailure (invalid_config) naming each field that does not fit."""
    try:
        model: BaseModel = node_type.config.model_validate(config)
    except ValidationError as error:
        fields = [
            {"field": "/".join(str(part) for part in item["loc"]), "message": item["msg"]}
            for item in error.errors()[:FIELDS_TOLD]
        ]
        first = fields[0]
        where = f"field {first['field']} does" if first["field"] else "settings do"
        raise NodeFailure(
            f"The {where} not fit: {first['message']}",
            code="invalid_config",
            details={"fields": fields},
        ) from error
    return model


async def run_attempt(node_type: NodeType[Any], config: BaseModel, context: AttemptContext) -> Outcome:
    """Run the node within its time limit; whatever goes wrong leaves as a PatchbayError."""
    try:
        if not node_type.calls_out:
            # It waits for nothing, so that no time limit could reach it.
            with faults.around("call", context.path):
                return await node_type.run(config, context)
        async with asyncio.timeout(context.timeout_s + GRACE_S) as context.limit:
            with faults.around("call", context.path):
                return await node_type.run(config, context)
    except PatchbayError:
        raise
    except TimeoutError as error:
        raise NodeFailure(
            f"The step took longer than {context.timeout_s:g} s.",
            code="timed_out",
            retryable=True,
            details={"timeout_s": context.timeout_s, "sent": True},
        ) from error
    except Exception as error:
        raise unforeseen(error, context.path, sent=True) from error


def unforeseen(error: Exception, path: str, *, sent: bool = False) -> NodeFailure:
    """The failure of one step by a fault of the product, which the log tells of; to be raised while it is handled."""
    logger.exception("a step failed unexpectedly", extra={"action": "attempt", "path": path})
    return NodeFailure(
        "The step failed in a way that nobody foresaw. The worker's log has the details.",
        code="internal_error",
        details={"kind": type(error).__name__, "sent": sent},
    )
