"""What a node type is, what it is given, and how it may leave: the contract of every file beside this one.

A type says everything about itself once: its form (the JSON Schema of `config`), what later steps may refer
to (`output`), its ports, and what it does. The engine asks these properties and never a type's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from runtime.gateways import ChildStart, McpServerSettings, ModelSettings
from runtime.graph.node_types import Effect, JsonSchema, Known, Port, ToolFacts
from runtime.graph.problems import Problem
from runtime.graph.schema import Node

if TYPE_CHECKING:
    # The clients' libraries take a second to load, and only hosts use them.
    from runtime.llm.client import LlmClient
    from runtime.mcp.pool import McpPool
    from runtime.mcp.server_log import LogLine

Group = Literal["Triggers", "AI", "Tools", "People", "Flow", "Data", "Answer"]


class Config(BaseModel):
    """Base of every config and of its parts: unknown keys are refused, so that a misspelt field is seen."""

    model_config = ConfigDict(extra="forbid")


# --- ways to leave ---------------------------------------------------------------


@dataclass(frozen=True)
class Leave:
    """The step has succeeded.

    ports   the ports it leaves by; the others are dead from here
    output  what later steps may refer to, fitting the type's output schema
    reply   what the run answers its caller, from the type `reply` only
    starts  a run of another workflow, begun in the transaction that writes this outcome
    """

    output: Mapping[str, Any]
    ports: tuple[str, ...] = ("out",)
    reply: Any = None
    replies: bool = False
    starts: ChildStart | None = None


@dataclass(frozen=True)
class Park:
    """The step waits without holding anything; `resume` is called when the wait is over.

    kind    "time", "handoff" or "child": a run of another workflow, which `starts` begins
    due_at  when the wait ends by itself; None for as long as it takes
    data    what the application needs to show (a handoff's title, choices …), kept on the wait
    part    which of several questions between two calls of the step it is
    """

    kind: Literal["time", "handoff", "child"]
    due_at: datetime | None
    data: Mapping[str, Any] = field(default_factory=dict)
    starts: ChildStart | None = None
    part: int = 0


@dataclass(frozen=True)
class Proceed:
    """The wait is over, and the step now makes the call that it waited with."""


@dataclass(frozen=True)
class End:
    """The run ends here, whatever else goes on in it."""

    succeeded: bool
    message: str


@dataclass(frozen=True)
class Enter:
    """The step is a container: its body begins, and `NodeType.loop` says how it goes on."""


Outcome = Leave | Park | End | Enter


@dataclass(frozen=True)
class Waited:
    """How a wait ended: by a signal's payload, or by its due time (`signal` is None)."""

    signal: Mapping[str, Any] | None
    opened_at: datetime
    ended_at: datetime
    data: Mapping[str, Any]


# --- what a step is given ------------------------------------------------------------


class NodeContext(Protocol):
    """The surroundings of one attempt at one step."""

    workspace_id: str
    run_id: str
    path: str
    attempt: int
    idempotency_key: str
    timeout_s: float
    started_at: datetime
    """The database's time at which this step began."""
    trigger: Any
    """What the fired trigger gave, for the trigger's own step."""
    asked: Sequence[Waited]
    """What people were asked for this step before, in order: before its call, or between two calls."""

    def now(self) -> datetime:
        """The database's time, as the host last heard it."""
        ...

    @property
    def llm(self) -> LlmClient: ...

    @property
    def mcp(self) -> McpPool: ...

    def render(self, text: str) -> Any:
        """The value of a `{{ }}` text that the schema marks as lazy; raises ExpressionError."""
        ...

    async def model(self, reference: str) -> ModelSettings:
        """Settings of `default` or `<connection>/<model>`; raises NodeFailure when there is none."""
        ...

    async def tool(self, server: str, tool: str) -> tuple[McpServerSettings, ToolFacts]:
        """Settings of a server and the pinned definition of its tool; raises McpError when it may not be used."""
        ...

    async def server(self, server: str) -> McpServerSettings:
        """Settings of a server, for what is no tool; raises McpError when it is not registered."""
        ...

    async def child(self, workflow: str, given: Mapping[str, Any]) -> ChildStart:
        """A run of another workflow, ready to be started by leaving or parking with it.

        raises   NodeFailure when there is none that could start, or the input does not fit
        """
        ...

    async def ask(self, question: Park) -> Mapping[str, Any] | None:
        """Ask a person while the call goes on, whose time limit stands still; None when nobody answered in time.

        It dies with the worker: whatever can wait leaves with a Park instead.
        """
        ...

    async def begin_sampling(self, server_id: str) -> None:
        """Count that a server has a model asked; raises McpError over its budget."""
        ...

    async def end_sampling(self, server_id: str, usage: Mapping[str, Any]) -> None:
        """What that took, for the server's budget; `spend` notes it on the step."""
        ...

    async def admit(self, server: str, tool: str) -> None:
        """Count a call of a tool that has a rate; raises McpError when it must wait."""
        ...

    def spend(self, usage: Mapping[str, Any]) -> None:
        """Note tokens and cost of a model call on the step: input_tokens, output_tokens, cost_usd, model."""
        ...

    def progress(self, message: str, share: float | None = None) -> None:
        """Tell people how far a long call is; `share` from 0 to 1 where known."""
        ...

    def log(self, line: LogLine) -> None:
        """Show people what a server logs while it works on the call."""
        ...


ConfigT = TypeVar("ConfigT", bound=BaseModel)


# --- containers ----------------------------------------------------------------------


@dataclass(frozen=True)
class Iteration:
    """One execution of a container's body that has ended.

    values  what the config's fields over the body gave in the scope of its end, by name; empty after a failure
    error   the failure that ended it, with the path of the step as `step` in its details
    """

    values: Mapping[str, Any]
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Progress:
    """How far a container is.

    ended     its finished iterations by index
    failures  the indices of those that failed, in the order in which they did
    running   how many are open
    waited    whether the pause before the next one is over
    """

    ended: Mapping[int, Iteration]
    failures: Sequence[int]
    running: int
    waited: bool

    @property
    def begun(self) -> int:
        return len(self.ended) + self.running


@dataclass(frozen=True)
class Begin:
    """Begin so many further iterations now; none: what is running goes on."""

    count: int


@dataclass(frozen=True)
class Planned:
    """A step that a container makes up while it runs; nobody has drawn it.

    type    a node type, of the catalogue or an internal one
    config  literal values: nothing in it is evaluated, because a model may have written it
    shown   what its row keeps as its input
    """

    id: str
    type: str
    title: str
    config: Mapping[str, Any]
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class Expand:
    """Begin one iteration that consists of these steps, side by side; a failure of one does not end it.

    It must follow from the iterations that ended alone, so that another host comes to the same.
    """

    steps: tuple[Planned, ...]


@dataclass(frozen=True)
class Pause:
    """Begin nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Loop(Generic[ConfigT]):
    """How a container executes its body.

    next          asked at the beginning and after each iteration; raises PatchbayError: the container fails
    output        JSON Schema of its output, given that of what one iteration of a drawn body gives
    expands       it makes its steps up itself; then `Iteration.values` holds for each by its id
                  {"status", "output", "error", "usage"}
    item_field    the list in the config whose elements the body sees as `item`; "" without
    failed_field  the list in the output that tells of the iterations that failed; "" where the first one ends it

    Fields of the config that are marked `x-expression: "body"` are rendered when an iteration has ended, in its
    scope; they are what `Iteration.values` holds.
    """

    next: Callable[[ConfigT, Progress], Begin | Expand | Pause | Leave]
    output: Callable[[JsonSchema], JsonSchema] | None = None
    item_field: str = ""
    failed_field: str = ""
    expands: bool = False


async def enter(config: BaseModel, ctx: NodeContext) -> Enter:
    """What every container does when its turn comes."""
    return Enter()


@dataclass(frozen=True)
class PortRule:
    """Ports of a type, told so that the editor can draw them without asking.

    name, title   one port
    each          one port for each element (id, title) of this list in the config
    needs         the port can be taken only if one of these config paths holds a value
    """

    name: str = ""
    title: str = ""
    each: str = ""
    needs: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        if self.each:
            return {"each": self.each}
        shown: dict[str, Any] = {"name": self.name, "title": self.title}
        return shown | ({"needs": list(self.needs)} if self.needs else {})

    def expand(self, config: Mapping[str, Any]) -> Iterable[Port]:
        if not self.each:
            takable = not self.needs or any(_holds(config, path.split(".")) for path in self.needs)
            yield Port(self.name, self.title, takable)
            return
        elements = config.get(self.each)
        for element in elements if isinstance(elements, list) else []:
            if isinstance(element, dict) and isinstance(element.get("id"), str):
                yield Port(element["id"], str(element.get("title") or element["id"]))


def _holds(value: Any, path: list[str]) -> bool:
    """Whether a path leads to a value; a list on the way means any of its elements."""
    if isinstance(value, list):
        return any(_holds(element, path) for element in value)
    if not path:
        return value not in (None, "", [], 0)
    return isinstance(value, Mapping) and _holds(value.get(path[0]), path[1:])


OUT = PortRule("out", "")
ERROR_PORT = Port("error", "If it fails")


@dataclass(frozen=True)
class Moment:
    """When and where something is asked about a config: the time, and the workflow's time zone."""

    at: datetime
    zone: str


def no_problems(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    return ()


async def without_effect(config: BaseModel, ctx: NodeContext) -> Effect:
    """For calls that change nothing outside, such as asking a model."""
    return "none"


def unchanged(config: Mapping[str, Any], from_version: int) -> Mapping[str, Any]:
    return config


@dataclass(frozen=True)
class NodeType(Generic[ConfigT]):
    """One kind of step.

    output         a model, or a function of (raw config, known) that gives a JSON Schema or None
    run            one attempt; gets the config with every expression rendered
    ask_first      asked before the intent of a call is committed: a Park where a person must say something first;
                   `ctx.asked` tells what was asked before
    chooses        the ports that an output names, where the way that is taken follows from it
    resume         goes on after a Park; it may proceed to the (next) call, which `ctx.asked` tells of the answer
    loop           of a container: how it executes the steps drawn inside it
    effect         None: works in memory, nothing outside is touched; else asked before the intent of a call is
                   committed: what would repeating it do? It may raise, and then no call is made
    names          of a trigger that looks for itself: field -> the names that its expressions read, with their schemas
    hint           what follows from a config at a moment, in words for the editor; None where there is nothing to say
    example        of a trigger: what a run is given where the person who tries it says nothing
    refine         the config's schema, more exact by what the config points at: a tool's own arguments
    summary        second line of the card: a template over the config such as "{server} · {tool}"
    default_ready  a first config, for a step just added
    """

    name: str
    title: str
    group: Group
    description: str
    icon: str
    config: type[ConfigT]
    run: Callable[[ConfigT, NodeContext], Awaitable[Outcome]]
    output: type[BaseModel] | Callable[[Mapping[str, Any], Known], JsonSchema | None] | None = None
    port_rules: tuple[PortRule, ...] = (OUT,)
    version: int = 1
    summary: str = ""
    has_error_port: bool = True
    is_trigger: bool = False
    is_end: bool = False
    waits_for_person: bool = False
    ask_first: Callable[[ConfigT, NodeContext], Awaitable[Park | None]] | None = None
    loop: Loop[ConfigT] | None = None
    chooses: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None
    resume: Callable[[ConfigT, Waited, NodeContext], Leave | Proceed] | None = None
    effect: Callable[[ConfigT, NodeContext], Awaitable[Effect]] | None = None
    check: Callable[[Mapping[str, Any], Node, Known], Iterable[Problem]] = no_problems
    hint: Callable[[Mapping[str, Any], Moment], str | None] | None = None
    example: Callable[[Mapping[str, Any], Moment], Mapping[str, Any]] | None = None
    refine: Callable[[JsonSchema, Mapping[str, Any], Known], JsonSchema] | None = None
    names: Callable[[Mapping[str, Any], Known], Mapping[str, Mapping[str, JsonSchema]]] | None = None
    upgrade_config: Callable[[Mapping[str, Any], int], Mapping[str, Any]] = unchanged
    default_config: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 60.0

    @cached_property
    def config_schema(self) -> JsonSchema:
        return self.config.model_json_schema()

    def expression_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema:
        return self.refine(self.config_schema, config, known) if self.refine else self.config_schema

    def own_names(self, config: Mapping[str, Any], known: Known) -> Mapping[str, Mapping[str, JsonSchema]]:
        return self.names(config, known) if self.names else {}

    def ports(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        ports = tuple(port for rule in self.port_rules for port in rule.expand(config))
        return (*ports, ERROR_PORT) if self.has_error_port else ports

    def chosen_ports(self, output: Mapping[str, Any]) -> tuple[str, ...]:
        return self.chooses(output) if self.chooses else ()

    def output_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema | None:
        if self.output is None:
            return None
        if isinstance(self.output, type):
            return self._output_model_schema
        return self.output(config, known)

    @cached_property
    def _output_model_schema(self) -> JsonSchema:
        if not (isinstance(self.output, type) and issubclass(self.output, BaseModel)):
            raise TypeError(f"{self.name} has no output model")
        return self.output.model_json_schema(mode="serialization")

    def problems(self, node: Node, known: Known) -> Iterable[Problem]:
        return self.check(node.config, node, known)

    def upgrade(self, config: Mapping[str, Any], from_version: int) -> Mapping[str, Any]:
        return self.upgrade_config(config, from_version)

    @property
    def is_container(self) -> bool:
        return self.loop is not None and not self.expands

    @property
    def expands(self) -> bool:
        return self.loop is not None and self.loop.expands

    def loop_output(self, collected: JsonSchema) -> JsonSchema | None:
        return self.loop.output(collected) if self.loop and self.loop.output else None

    @property
    def item_field(self) -> str:
        return self.loop.item_field if self.loop else ""

    @property
    def calls_out(self) -> bool:
        """Whether an attempt touches the outside, so that its intent must be committed first."""
        return self.effect is not None

    def as_dict(self) -> dict[str, Any]:
        """What the editor needs, as `GET /api/v1/node-types` gives it."""
        return {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "description": self.description,
            "group": self.group,
            "icon": self.icon,
            "summary": self.summary,
            "is_trigger": self.is_trigger,
            "is_end": self.is_end,
            "is_container": self.is_container,
            "expands": self.expands,
            "ports": [rule.as_dict() for rule in self.port_rules],
            "has_error_port": self.has_error_port,
            "config": self.config_schema,
            "default_config": dict(self.default_config),
            "settings": list(self.settings),
        }

    @property
    def settings(self) -> tuple[str, ...]:
        if self.is_trigger:
            return ("disabled",)
        of_calls = ("timeout_s", "retry", "on_unknown") if self.calls_out else ()
        return (*of_calls, "join", "disabled")
