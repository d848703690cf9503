"""What the runtime asks of its surroundings: small Protocols, implemented by the application and named in settings.

Every method is synchronous and may use the database; the engine calls it on a database thread. What
`People` and `Triggers` do, they do inside the engine's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from runtime.graph.node_types import ToolFacts


@dataclass(frozen=True)
class Caller:
    """The run that calls a tool.

    workflow     its slug
    version      None for a test of the draft
    started_by   a person's e-mail, or the name of what else started it
    """

    workflow: str = ""
    version: int | None = None
    started_by: str = ""


@dataclass(frozen=True)
class SamplingSettings:
    """That a server may have a model asked: which one, how many tokens an answer may have, and whether a person must
    agree each time.
    """

    model: str
    max_tokens: int
    ask_first: bool = False


@dataclass(frozen=True)
class McpServerSettings:
    """How to reach a registered server.

    headers, env   may hold secrets and are therefore not shown
    revision       changes whenever a setting or secret changes; connections are pooled by it
    wire           over HTTP, the transport that worked last: the newer one is tried first where it is not known
    account        whose tokens go with each request, at a server that people sign in to
    person         whose account that is (e-mail); empty for the workspace's
    name           what people call it
    elicitation    what becomes of a question in mid-call: people are asked, or it is declined at once
    elicitation_due_s   for so long people may answer
    sampling       None: the server may not have a model asked
    own_dir        the one folder of ours that a command may use; it is made when the command starts
    hidden         files and folders that a command must not read, its own folder excepted
    """

    id: str
    workspace_id: str
    slug: str
    transport: Literal["http", "stdio"]
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    command: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    own_dir: str = ""
    hidden: tuple[str, ...] = ()
    revision: str = "1"
    wire: Literal["", "streamable", "sse"] = ""
    account: str = ""
    person: str = ""
    name: str = ""
    elicitation: Literal["ask", "decline"] = "ask"
    elicitation_due_s: float = 7 * 24 * 3600.0
    sampling: SamplingSettings | None = None


@dataclass
class ServerUse:
    """Calls of a server since somebody last asked; failures are those of the server, not of its tools."""

    calls: int = 0
    failures: int = 0
    total_ms: float = 0.0


@dataclass(frozen=True)
class McpAccount:
    """Who the workspace is at a server that people sign in to by OAuth.

    state          what `runtime.mcp.oauth` keeps; holds secrets and is therefore not shown
    version        changes with each change of the state
    document_url   where this installation describes itself; empty if it cannot be reached from outside
    """

    id: str
    server: str
    url: str
    version: int
    is_connected: bool
    redirect_uri: str = ""
    document_url: str = ""
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)


StructuredOutput = Literal["json_schema", "tool", "json_mode", "auto"]


@dataclass(frozen=True)
class ModelSettings:
    """How to reach a model of a connection; prices are US dollars per million tokens, None if unknown.

    has_rate   each call is to be admitted first
    """

    connection: str
    base_url: str
    api_key: str = field(repr=False)
    model: str
    structured_output: StructuredOutput = "auto"
    input_price_per_m: float | None = None
    output_price_per_m: float | None = None
    has_rate: bool = False


@dataclass(frozen=True)
class HandoffRequest:
    """A step that waits for a person, as the application must show it."""

    run_id: UUID
    workspace_id: UUID
    workflow_id: UUID
    started_by: str
    path: str
    wait_key: str
    due_at: datetime | None
    data: Mapping[str, Any]


@dataclass(frozen=True)
class FailedRun:
    """A run whose failure is being written.

    version   None for a test of a draft
    trigger   the node that fired
    error     as the API shows it
    parent_id the run whose step started it
    """

    id: UUID
    workspace_id: UUID
    workflow_id: UUID
    version: int | None
    trigger: str
    error: Mapping[str, Any] | None
    parent_id: UUID | None = None


@dataclass(frozen=True)
class ChildStart:
    """A run of another workflow that a step starts, as `runtime.engine.commands.start_run` takes it."""

    run_id: UUID
    workflow_id: UUID
    graph_id: str
    version: int
    trigger: str
    input: Any
    facts: Mapping[str, Any]


class McpServers(Protocol):
    def settings(self, workspace_id: str, server: str, person: str = "") -> McpServerSettings:
        """By slug, for a person (e-mail) who asks; raises McpError (mcp_unreachable) when there is none, or its secret cannot be read."""
        ...

    def tool_for_call(
        self, workspace_id: str, server: str, tool: str, caller: Caller
    ) -> tuple[McpServerSettings, ToolFacts]:
        """For a run; raises McpError when it may not use the tool.

        raises   mcp_tool_blocked, mcp_tool_changed, mcp_tool_reserved, mcp_unauthorized
        """
        ...

    def admit_call(self, workspace_id: str, server: str, tool: str) -> None:
        """Count a call of a tool that has a rate; raises McpError (mcp_rate_limited) when it is one too many."""
        ...

    def begin_sampling(self, server_id: str) -> None:
        """Count that a server has a model asked; raises McpError (mcp_sampling_refused) over its budget."""
        ...

    def end_sampling(self, server_id: str, usage: Mapping[str, Any]) -> None:
        """What that took: input_tokens, output_tokens, cost_usd."""
        ...

    def tool_for_trial(
        self, workspace_id: str, server: str, tool: str, person: str = ""
    ) -> tuple[McpServerSettings, ToolFacts]:
        """For a person who tries a tool out, also one that runs may not use yet."""
        ...

    def tend(self, uses: Mapping[str, ServerUse]) -> list[McpServerSettings]:
        """Write down how servers were used (by id), and claim those whose check is due."""
        ...

    def note_listing(self, server_id: str, listing: Mapping[str, Any]) -> None:
        """A server said that its lists changed, and this is what it offers now."""
        ...

    def claim_listing(self, server_id: str) -> bool:
        """Whether the lists of a server may be read again now: once a minute, whichever host asks."""
        ...

    def note_check(self, server_id: str, error: Mapping[str, Any] | None, duration_ms: float) -> None:
        """How a check went; `error` as the API shows one."""
        ...

    def account(self, account: str) -> McpAccount:
        """Raises McpError (mcp_unauthorized) when it is gone or cannot be read."""
        ...

    def claim_account(self, account: str, version: int) -> bool:
        """Whether the caller may refresh the tokens of this version: nobody else does so now."""
        ...

    def change_account(self, account: str, changes: Mapping[str, Any], *, connected: bool | None) -> None:
        """Put keys into the state; ends a claim. connected: whether it can be used now, None to leave that."""
        ...

    def lose_account(self, account: str, needs_scope: str) -> None:
        """A person must connect again; ends a claim."""
        ...

    def ended_account(self, account: str, sealed: str) -> McpAccount:
        """One that was taken out of the table and is to be revoked."""
        ...


class Models(Protocol):
    def settings(self, workspace_id: str, reference: str) -> ModelSettings:
        """`default` or `<connection>/<model>`; raises LlmError (llm_unreachable) when there is none."""
        ...

    def admit_call(
        self, workspace_id: str, connection: str, at: datetime, requests: int, tokens: int
    ) -> None:
        """Count a call of a connection that has a rate; raises LlmError (llm_rate_limited) when it is one too many.

        requests, tokens   of the calls that began in the minute that `at` is in and have been recorded
        """
        ...


class People(Protocol):
    def open_handoff(self, request: HandoffRequest) -> None:
        """Put it into the inbox, in the transaction that opens the wait."""
        ...

    def expire_handoff(self, wait_key: str) -> bool:
        """Close an unanswered handoff whose time is over; false when someone has answered it. May be repeated."""
        ...

    def close_handoff(self, wait_key: str) -> None:
        """Nobody waits for this answer any more, although the run goes on; in the engine's transaction."""
        ...

    def close_handoffs(self, run_id: UUID) -> None:
        """The run has ended: what still waits in the inbox is cancelled."""
        ...


Starter = Callable[[str, Mapping[str, Any]], UUID | None]
"""Starts a run of a live workflow at one of its triggers, by id, with what that gives; None if nothing may start now."""


class Triggers(Protocol):
    def starters(self, workflow_ids: Collection[UUID], by: str) -> Mapping[UUID, Starter]:
        """How runs of these workflows are started, in the transaction that notes their slots or items; read together.

        by   what starts them: "schedule" or "watch"

        returns   one for each workflow that there is
        """
        ...

    def live(self, workflow_id: UUID) -> tuple[Mapping[str, Any], int] | None:
        """What expressions read of a live workflow, {"workflow", "workspace", "vars"}, and the number of its version.

        returns   None where nothing may start
        """
        ...

    def child_start(self, workspace_id: str, workflow: str, given: Mapping[str, Any]) -> ChildStart:
        """The live version of a workflow by slug, with this input.

        raises   NodeFailure (workflow_unavailable, invalid_input)
        """
        ...

    def run_failed(self, run: FailedRun) -> None:
        """What follows from the failure of a run, in the transaction that writes it."""
        ...


@dataclass(frozen=True)
class Gateways:
    """The implementations, one of each."""

    mcp_servers: McpServers
    models: Models
    people: People
    triggers: Triggers
