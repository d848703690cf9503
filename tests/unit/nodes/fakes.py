"""What a step needs around it, without network or database, and the engine's own way of running one.

A config goes the way it goes in a run: rendered over a scope, read by the type's model, run with a context.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from runtime.engine.attempt import AttemptContext, Clients, rendered_config, run_attempt, typed_config
from runtime.errors import LlmError, McpError, NodeFailure
from runtime.gateways import (
    Caller,
    ChildStart,
    FailedRun,
    Gateways,
    HandoffRequest,
    McpServerSettings,
    ModelSettings,
    Starter,
)
from runtime.graph.node_types import PromptFacts, ServerFacts, ToolFacts, WorkflowFacts
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.json_schema import first_problem
from runtime.llm.client import MAX_TOKENS, Completion, LlmClient, Turn
from runtime.llm.usage import Usage
from runtime.mcp.input_required import Asker, InputRequired, Response
from runtime.mcp.pool import McpPool
from runtime.mcp.reading import FilledPrompt, ResourceContent
from runtime.mcp.results import ToolResult, check_arguments
from runtime.mcp.server_log import LogLine, TellLog
from runtime.nodes.base import End, Leave, Moment, Park, Proceed, Waited
from runtime.nodes.catalogue import NODE_TYPES
from runtime.outbound.policy import OutboundPolicy

STARTED_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TIMEOUT_S = 60.0
CHILD_ID = UUID("01900000-0000-7000-8000-00000000000c")


@dataclass(frozen=True)
class Asked:
    """One question to a model."""

    model: str
    system: str
    user: str
    schema: Mapping[str, Any]
    timeout_s: float
    max_tokens: int
    messages: Sequence[Mapping[str, Any]] = ()


class FakeLlm(LlmClient):
    """Gives the prepared answers in turn; an error among them is raised, and what was asked is kept."""

    def __init__(self, *answers: dict[str, Any] | str | LlmError) -> None:
        super().__init__(OutboundPolicy())
        self.asked: list[Asked] = []
        self._answers = list(answers)

    async def complete_json(
        self,
        model: ModelSettings,
        *,
        system: str,
        user: str,
        schema: Mapping[str, Any],
        schema_name: str,
        timeout_s: float = TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Completion:
        answer = self._next(Asked(model.model, system, user, schema, timeout_s, max_tokens))
        # The real client lets nothing else through.
        assert first_problem(answer, schema) is None, first_problem(answer, schema)
        return Completion(answer, "", usage_of(model))

    async def complete_text(
        self,
        model: ModelSettings,
        *,
        system: str,
        user: str,
        timeout_s: float = TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Completion:
        answer = self._next(Asked(model.model, system, user, {}, timeout_s, max_tokens))
        return Completion(None, answer, usage_of(model))

    async def take_turn(
        self,
        model: ModelSettings,
        *,
        messages: Sequence[Mapping[str, Any]],
        functions: Sequence[Mapping[str, Any]],
        timeout_s: float = TIMEOUT_S,
        max_tokens: int = MAX_TOKENS,
    ) -> Turn:
        answer = self._next(Asked(model.model, "", "", {}, timeout_s, max_tokens, messages))
        return Turn(answer, (), usage_of(model))

    def _next(self, asked: Asked) -> Any:
        self.asked.append(asked)
        answer = self._answers.pop(0)
        if isinstance(answer, LlmError):
            raise answer
        return answer


def usage_of(model: ModelSettings) -> Usage:
    return Usage(input_tokens=100, output_tokens=20, cost_usd=0.5, model=model.model)


def llm_failure(code: str, *, retryable: bool = True, **details: Any) -> LlmError:
    return LlmError("The model failed.", code=code, retryable=retryable, details=details)


@dataclass(frozen=True)
class Called:
    """One call of a tool."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    timeout_s: float
    idempotency_key: str | None
    responses: Mapping[str, Response] | None = None
    state: str | None = None


class FakeMcp(McpPool):
    """Gives the same result to every call whose arguments fit, as the real pool does; `wants` comes first."""

    def __init__(
        self, answer: ToolResult | McpError | None = None, *, wants: Sequence[InputRequired] = ()
    ) -> None:
        super().__init__(OutboundPolicy())
        self.wants = list(wants)
        self.called: list[Called] = []
        self.read: list[str] = []
        self.fetched: list[tuple[str, dict[str, str]]] = []
        self._answer = answer or a_result()

    async def call_tool(
        self,
        settings: McpServerSettings,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float,
        idempotency_key: str | None = None,
        input_schema: Mapping[str, Any] | None = None,
        output_schema: Mapping[str, Any] | None = None,
        on_progress: Callable[[str, float | None], None] | None = None,
        on_log: TellLog | None = None,
        asker: Asker | None = None,
        responses: Mapping[str, Response] | None = None,
        state: str | None = None,
    ) -> ToolResult | InputRequired:
        check_arguments(settings.slug, arguments, input_schema)
        self.called.append(
            Called(settings.slug, name, arguments, timeout_s, idempotency_key, responses, state)
        )
        if self.wants:
            return self.wants.pop(0)
        if on_progress is not None:
            on_progress("half of it", 0.5)
        if isinstance(self._answer, McpError):
            raise self._answer
        return self._answer

    async def read_resource(
        self, settings: McpServerSettings, uri: str, *, timeout_s: float, on_log: TellLog | None = None
    ) -> ResourceContent:
        self.read.append(uri)
        if on_log is not None:
            on_log(LogLine("info", "files", f"reading {uri}"))
        return ResourceContent(
            "Good morning", [{"uri": uri, "mimeType": "text/plain", "text": "Good morning"}]
        )

    async def get_prompt(
        self,
        settings: McpServerSettings,
        name: str,
        arguments: Mapping[str, str],
        *,
        timeout_s: float,
        on_log: TellLog | None = None,
    ) -> FilledPrompt:
        self.fetched.append((name, dict(arguments)))
        message = {"role": "user", "content": {"type": "text", "text": f"Please {name}"}}
        return FilledPrompt(f"Please {name}", [message])


def a_result(
    text: str = "", *, structured: Any = None, data: Any = None, content: Sequence[dict[str, Any]] = ()
) -> ToolResult:
    return ToolResult(text, list(content), structured, data, is_error=False, duration_ms=1.0)


class FakeModels:
    """Every model but those of the connection `gone`."""

    def settings(self, workspace_id: str, reference: str) -> ModelSettings:
        connection, _, model = reference.partition("/")
        if connection == "gone":
            raise LlmError("There is no such connection.", code="llm_unreachable")
        return ModelSettings(connection, "https://models.example/v1", "key", model or "default-model")

    def admit_call(
        self, workspace_id: str, connection: str, at: datetime, requests: int, tokens: int
    ) -> None: ...


class FakeServers:
    """One server, `orders`, with these tools."""

    def __init__(self, *tools: ToolFacts, room: int = 1000) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self.room = room
        self.admitted = 0

    def settings(self, workspace_id: str, server: str, person: str = "") -> McpServerSettings:
        return McpServerSettings("1", workspace_id, server, "http", url="https://orders.example/mcp")

    def tool_for_call(
        self, workspace_id: str, server: str, tool: str, caller: Caller
    ) -> tuple[McpServerSettings, ToolFacts]:
        if tool not in self._tools:
            raise McpError("The tool is not there.", code="mcp_tool_blocked")
        return self.settings(workspace_id, server), self._tools[tool]

    def tool_for_trial(
        self, workspace_id: str, server: str, tool: str, person: str = ""
    ) -> tuple[McpServerSettings, ToolFacts]:
        return self.tool_for_call(workspace_id, server, tool, Caller())

    def admit_call(self, workspace_id: str, server: str, tool: str) -> None:
        self.admitted += 1
        if self.admitted > self.room:
            raise McpError("Too many calls.", code="mcp_rate_limited", retryable=True)

    def begin_sampling(self, server_id: str) -> None:
        """There is a budget left."""

    def end_sampling(self, server_id: str, usage: Mapping[str, Any]) -> None:
        """Nobody counts."""


class NoPeople:
    def open_handoff(self, request: HandoffRequest) -> None: ...

    def expire_handoff(self, wait_key: str) -> bool:
        return True

    def close_handoff(self, wait_key: str) -> None: ...

    def close_handoffs(self, run_id: Any) -> None: ...


class NoTriggers:
    def starters(self, workflow_ids: Collection[UUID], by: str) -> Mapping[UUID, Starter]:
        return {}

    def live(self, workflow_id: UUID) -> tuple[Mapping[str, Any], int] | None:
        return None

    def child_start(self, workspace_id: str, workflow: str, given: Mapping[str, Any]) -> ChildStart:
        if workflow != "refunds":
            raise NodeFailure("There is no such workflow.", code="workflow_unavailable")
        return ChildStart(CHILD_ID, CHILD_ID, "graph", 3, "start", dict(given), {})

    def run_failed(self, run: FailedRun) -> None: ...


@dataclass
class Around:
    """The surroundings of one step; what it told and spent stands in them afterwards."""

    llm: FakeLlm = field(default_factory=FakeLlm)
    mcp: FakeMcp = field(default_factory=FakeMcp)
    servers: FakeServers = field(default_factory=FakeServers)
    scope: Mapping[str, Any] = field(default_factory=dict)
    trigger: Any = None
    usage: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[str, float | None]] = field(default_factory=list)
    logged: list[LogLine] = field(default_factory=list)

    def context(self) -> AttemptContext:
        gateways = Gateways(self.servers, FakeModels(), NoPeople(), NoTriggers())
        return AttemptContext(
            clients=Clients(self.llm, self.mcp, gateways, _at_once, check_budget=lambda workspace_id: False),
            scope=self.scope,
            workspace_id=str(CHILD_ID),
            run_id="r",
            path="it",
            attempt=1,
            idempotency_key="key-of-the-step",
            timeout_s=TIMEOUT_S,
            started_at=STARTED_AT,
            trigger=self.trigger,
            on_progress=lambda message, share: self.told.append((message, share)),
            on_log=self.logged.append,
            usage=self.usage,
        )


async def _at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


async def run_step(
    type_name: str, config: Mapping[str, Any], around: Around | None = None
) -> Leave | Park | End:
    """One attempt, as the engine makes it."""
    around = around or Around()
    node_type = NODE_TYPES[type_name]
    rendered = rendered_config(node_type, config, around.scope)
    return await run_attempt(node_type, typed_config(node_type, rendered), around.context())


async def left(type_name: str, config: Mapping[str, Any], around: Around | None = None) -> Leave:
    """The same for a step that succeeds at once."""
    outcome = await run_step(type_name, config, around)
    assert isinstance(outcome, Leave)
    return outcome


def resumed(type_name: str, config: Mapping[str, Any], waited: Waited) -> Leave | Proceed:
    """What a step that waited does when its wait is over."""
    node_type = NODE_TYPES[type_name]
    assert node_type.resume is not None
    return node_type.resume(typed_config(node_type, config), waited, Around().context())


# --- what the editor asks --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Registered:
    """A workspace with one server and some models."""

    tools: Sequence[ToolFacts] = ()
    listed: bool = True
    models: Sequence[str] = ("default",)
    workflows: Mapping[str, WorkflowFacts] = field(default_factory=dict)
    own_slug: str = "this-one"
    resources: Sequence[str] = ()
    prompts: Sequence[PromptFacts] = ()

    def workflow(self, slug: str) -> WorkflowFacts | None:
        return self.workflows.get(slug)

    def server(self, slug: str) -> ServerFacts | None:
        if slug != "orders":
            return None
        tools = {tool.name: tool for tool in self.tools}
        prompts = {prompt.name: prompt for prompt in self.prompts}
        return ServerFacts("orders", "Orders", self.listed, tools, frozenset(self.resources), prompts)

    def has_model(self, reference: str) -> bool:
        return reference in self.models

    def answering_roles(self) -> Sequence[str]:
        return ["agent", "admin"]

    def has_member(self, email: str) -> bool:
        return email == "ana@example.com"

    def variables(self) -> Mapping[str, Any]:
        return {}


def problems(
    type_name: str, config: Mapping[str, Any], known: Registered | None = None
) -> list[tuple[str | None, str]]:
    """Field and code of what the type itself finds wrong with a draft's config."""
    return [(problem.field, problem.code) for problem in full_problems(type_name, config, known)]


def full_problems(
    type_name: str, config: Mapping[str, Any], known: Registered | None = None
) -> list[Problem]:
    node = Node(id="it", type=type_name, config=dict(config))
    return list(NODE_TYPES[type_name].problems(node, known or Registered()))


def refused(type_name: str, config: Mapping[str, Any]) -> list[str]:
    """Fields that the type's model does not take, as an author is told of them; none if it fits."""
    try:
        typed_config(NODE_TYPES[type_name], config)
    except NodeFailure as error:
        return [row["field"] for row in error.details["fields"]]
    return []


def output_of(
    type_name: str, config: Mapping[str, Any], known: Registered | None = None
) -> Mapping[str, Any] | None:
    """The output's schema as later steps see it."""
    return NODE_TYPES[type_name].output_schema(config, known or Registered())


def hinted(type_name: str, config: Mapping[str, Any], zone: str = "Europe/Berlin") -> str | None:
    """What the editor says about a config, at STARTED_AT."""
    hint = NODE_TYPES[type_name].hint
    return hint(config, Moment(STARTED_AT, zone)) if hint else None


def example_of(
    type_name: str, config: Mapping[str, Any], zone: str = "Europe/Berlin"
) -> Mapping[str, Any] | None:
    """What a test run is given at STARTED_AT, if its person says nothing."""
    example = NODE_TYPES[type_name].example
    return example(config, Moment(STARTED_AT, zone)) if example else None


def fits_output(type_name: str, config: Mapping[str, Any], leave: Leave) -> bool:
    """Whether what a step gave is what the editor had promised."""
    schema = output_of(type_name, config)
    return schema is None or first_problem(dict(leave.output), schema) is None


def ports(type_name: str, config: Mapping[str, Any], *, takable: bool | None = None) -> list[str]:
    """Names of the exits; `takable` picks those that the config lets a run take, or rules out."""
    found = NODE_TYPES[type_name].ports(config)
    return [port.name for port in found if takable is None or port.takable is takable]
