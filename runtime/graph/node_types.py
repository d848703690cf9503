"""What the graph core must know of a node type and of a workspace: two Protocols, no implementation.

The node types themselves live in runtime/nodes/ and satisfy `NodeTypeFacts`; the application tells
what is registered through `Known`. Validation asks only these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from runtime.graph.argument_limits import Limits

if TYPE_CHECKING:
    from runtime.graph.problems import Problem
    from runtime.graph.schema import Node

JsonSchema = Mapping[str, Any]
Effect = Literal["none", "idempotent", "once"]
"""What repeating a call would do: nothing, the same as once, or the effect a second time."""


@dataclass(frozen=True)
class Port:
    """A named exit of a node.

    takable   false when the config rules out that the run leaves by it (`unsure` without a threshold)
    """

    name: str
    title: str = ""
    takable: bool = True


@dataclass(frozen=True)
class ToolFacts:
    """A tool as it is pinned in the registry, and what an admin allows of it.

    reserved    kept for other workflows than the one that asks
    timeout_s   the longest that a call may take, whatever the step says
    rate        calls per minute over all workers
    limits      argument path -> {"value": …} or {"pattern": "…"}
    approval    who must agree to each call, as a handoff's `assign_to`; approval_due_s: how long that may take
    """

    name: str
    input_schema: JsonSchema
    output_schema: JsonSchema | None = None
    description: str = ""
    enabled: bool = True
    effect: Effect = "once"
    reserved: bool = False
    timeout_s: float | None = None
    rate: int | None = None
    limits: Limits = field(default_factory=dict)
    approval: Mapping[str, Any] | None = None
    approval_due_s: float | None = None


@dataclass(frozen=True)
class PromptFacts:
    """A prompt as it was last listed.

    arguments   name -> whether it is required, in the server's order
    """

    name: str
    arguments: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerFacts:
    """A registered MCP server; `listed` is false when its tools were never read.

    resources   addresses and templates of addresses
    """

    slug: str
    name: str
    listed: bool
    tools: Mapping[str, ToolFacts] = field(default_factory=dict)
    resources: frozenset[str] = frozenset()
    prompts: Mapping[str, PromptFacts] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkflowFacts:
    """Another workflow of the workspace.

    input_schema  what the form trigger of its live version asks for; None without one
    calls         slugs of the workflows that its live version starts
    """

    name: str
    input_schema: JsonSchema | None
    calls: tuple[str, ...] = ()


class Known(Protocol):
    """What is registered in the workspace that a graph belongs to."""

    @property
    def own_slug(self) -> str:
        """Of the workflow that the graph belongs to; "" for one that is not saved yet."""
        ...

    def workflow(self, slug: str) -> WorkflowFacts | None: ...

    def server(self, slug: str) -> ServerFacts | None: ...

    def has_model(self, reference: str) -> bool:
        """reference   `default` or `<connection slug>/<model>`"""
        ...

    def answering_roles(self) -> Collection[str]:
        """Of those that a member of a workspace can have, the ones that answer questions, such as "agent"."""
        ...

    def has_member(self, email: str) -> bool: ...

    def variables(self) -> Mapping[str, Any]:
        """The constants of the workspace, by name."""
        ...


class NodeTypeFacts(Protocol):
    """What validation asks of a node type; `config` is the raw mapping of the document."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def is_trigger(self) -> bool: ...

    @property
    def is_end(self) -> bool:
        """A free exit of this type is a meant end of the flow (`reply`, `stop`)."""
        ...

    @property
    def is_container(self) -> bool:
        """Steps may be drawn inside it; the type then repeats them."""
        ...

    @property
    def expands(self) -> bool:
        """It makes up the steps inside it while it runs; nothing can be drawn there."""
        ...

    @property
    def item_field(self) -> str:
        """Of a container: the list in its config whose elements the body sees as `item`; "" without."""
        ...

    def loop_output(self, collected: JsonSchema) -> JsonSchema | None:
        """Of a container: JSON Schema of its output, given that of what one iteration gives."""
        ...

    @property
    def config_schema(self) -> JsonSchema:
        """JSON Schema of the config; a property with `x-expression` true, "lazy", "body" or "own" takes `{{ }}`.

        "lazy" parts are checked like others but rendered by the node itself (conditions tried in order); "body"
        parts of a container are over what is known at the end of an iteration, and rendered there; "own" parts of a
        trigger are over `own_names`, before there is a run. `x-wants` says what kind of value such a part must give.
        """
        ...

    def expression_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema:
        """`config_schema`, more exact where the config points at something known, such as a tool's arguments."""
        ...

    def own_names(self, config: Mapping[str, Any], known: Known) -> Mapping[str, Mapping[str, JsonSchema]]:
        """Field -> the names that its expressions read instead of those of a run, with their schemas."""
        ...

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of a node's settings that say anything of this type."""
        ...

    def ports(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        """All ports for this config, `error` last where the type has one. Never raises on a bad config."""
        ...

    def chosen_ports(self, output: Mapping[str, Any]) -> tuple[str, ...]:
        """The ports that an output names, of a type that chooses its way by what it gives. Never raises on a bad output."""
        ...

    def output_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema | None:
        """JSON Schema of the output, or None where it cannot be known."""
        ...

    def problems(self, node: Node, known: Known) -> Iterable[Problem]:
        """What is wrong beyond the config schema: an unknown server, tool or model, arguments that do not fit."""
        ...

    def upgrade(self, config: Mapping[str, Any], from_version: int) -> Mapping[str, Any]:
        """The config of an older version of the type, brought to the current one."""
        ...
