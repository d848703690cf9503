"""Looks at a server again and again: each item that is new or has changed starts a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from runtime.errors import ExpressionError
from runtime.graph.expressions.checker import check as shape_of
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.samples import schema_of_sample
from runtime.graph.schema import Node
from runtime.graph.shapes import UNKNOWN, Shape
from runtime.graph.templates import has_parts, parse_template
from runtime.nodes import mcp_tool
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, Moment, NodeContext, NodeType
from runtime.timetables import span_in_words
from runtime.watching import Watch

LEAST_S = 10
MOST_S = 31 * 24 * 3600
ITEM_NAMES = ("key", "where")


class Config(NodeConfig):
    server: str = Field(title="Server", min_length=1, json_schema_extra={"x-widget": "server"})
    tool: str = Field(title="Tool", min_length=1, json_schema_extra={"x-widget": "tool"})
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        title="Arguments",
        json_schema_extra={
            "x-widget": "tool_arguments",
            "x-expression": "own",
            "additionalProperties": {"x-expression": "own"},
        },
    )
    items: str = Field(
        min_length=1,
        max_length=4000,
        title="Items",
        description="The list in what the tool gives, which is called result here.",
        json_schema_extra={
            "x-widget": "own_data",
            "x-expression": "own",
            "x-wants": "array",
            "x-placeholder": "{{ result.items }}",
        },
    )
    key: str = Field(
        min_length=1,
        max_length=4000,
        title="What names an item",
        description="An item with a key that was never seen is new. One that looks different than last time has changed.",
        json_schema_extra={
            "x-widget": "own_data",
            "x-expression": "own",
            "x-placeholder": "{{ item.id }}",
        },
    )
    where: str | dict[str, Any] | None = Field(
        default=None,
        title="Only if",
        description="Empty: every item counts. What does not fit is not remembered, so it counts once it does fit.",
        json_schema_extra={"x-widget": "own_rules", "x-expression": "own", "x-wants": "boolean"},
    )
    every_s: int = Field(
        default=60,
        ge=LEAST_S,
        le=MOST_S,
        title="Look every",
        description="At least 10 seconds.",
        json_schema_extra={"x-widget": "duration"},
    )
    first: Literal["remember", "run"] = Field(
        default="remember",
        title="What is there at the beginning",
        description="The first look after publishing, and after a change of what is looked at.",
        json_schema_extra={"x-enum-titles": ["Only remember it", "Run for each of it"]},
    )
    sample: dict[str, Any] | None = Field(
        default=None,
        title="Sample item",
        description="An example of an item. It fills the data picker and the test form.",
        json_schema_extra={"x-widget": "json"},
    )

    def watch(self) -> Watch:
        """What is asked of the server, and how often."""
        return Watch(
            server=self.server,
            tool=self.tool,
            arguments=self.arguments,
            items=self.items,
            key=self.key,
            where=self.where or None,
            every_s=self.every_s,
            first=self.first,
        )


def _element(config: Mapping[str, Any], known: Known) -> Shape:
    """An item: by the tool's own definition, else by the sample."""
    result = mcp_tool.output(config, known)
    text = config.get("items")
    found = UNKNOWN
    if result is not None and has_parts(text):
        try:
            single = parse_template(str(text)).single
        except ExpressionError:
            single = None
        if single is not None:
            found = shape_of(single, {"result": Shape(result)})[0].item()
    sample = config.get("sample")
    if not found.kinds and isinstance(sample, dict) and sample:
        return Shape(schema_of_sample(sample))
    return found


def _standing_alone(shape: Shape) -> JsonSchema:
    """A schema that takes the definitions of its root along."""
    root = shape.root or {}
    definitions = {name: root[name] for name in mcp_tool.DEFINITIONS if name in root}
    return {**shape.schema, **definitions}


def output(config: Mapping[str, Any], known: Known) -> JsonSchema | None:
    """The item itself; one that is no object stands under `value`."""
    element = _element(config, known)
    if not element.kinds:
        return None
    if element.kinds == {"object"}:
        return _standing_alone(element)
    value = _standing_alone(element)
    definitions = {name: value[name] for name in mcp_tool.DEFINITIONS if name in value}
    return {"type": "object", "properties": {"value": value}, "required": ["value"], **definitions}


def names(config: Mapping[str, Any], known: Known) -> Mapping[str, Mapping[str, JsonSchema]]:
    """What the fields read that are asked when the server is looked at."""
    item = _standing_alone(_element(config, known))
    return {
        "arguments": {},
        "items": {"result": mcp_tool.output(config, known) or {}},
        **{field: {"item": item} for field in ITEM_NAMES},
    }


def refine(schema: JsonSchema, config: Mapping[str, Any], known: Known) -> JsonSchema:
    """With the tool's own arguments, whose expressions are asked at each look."""
    refined = mcp_tool.refine(schema, config, known)
    arguments = {**refined["properties"]["arguments"], "x-expression": "own"}
    return {**refined, "properties": {**refined["properties"], "arguments": arguments}}


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """What a step that calls the tool must fulfil; besides, that calling it again and again does no harm."""
    yield from mcp_tool.check(config, node, known)
    for field in ("items", "key"):
        text = config.get(field)
        if isinstance(text, str) and text and not has_parts(text):
            about = "result" if field == "items" else "item"
            wanted = f"Write an expression over {about}, such as {{{{ {about}.id }}}}."
            yield Problem(node.id, field, "type_mismatch", wanted)
    where = config.get("where")
    if isinstance(where, str) and where and not has_parts(where):
        text = "This field needs true or false; write it as one expression in {{ }}, and nothing around it."
        yield Problem(node.id, "where", "type_mismatch", text)
    tool = mcp_tool.pinned_tool(config, known)
    if tool is None:
        return
    if tool.effect == "once":
        text = (
            f'"{tool.name}" may change something each time it is called, and it would be called again and again. '
            "Choose a tool that only reads; if this one does, an admin can say so on its page."
        )
        yield Problem(node.id, "tool", "tool_has_effects", text)
    if tool.approval is not None:
        text = f'Somebody must agree to each call of "{tool.name}", so nobody can look at it by the clock.'
        yield Problem(node.id, "tool", "approval_needed", text)


def hint(config: Mapping[str, Any], now: Moment) -> str | None:
    """How often it looks, and what the first look does; nothing for a draft that does not say."""
    every_s = config.get("every_s", 60)
    if not isinstance(every_s, int) or every_s < LEAST_S:
        return None
    begins = (
        "Each item that is there at the beginning starts a run."
        if config.get("first") == "run"
        else "What is there at the beginning is only remembered; runs start with what is new or changes after that."
    )
    return f"Looks every {span_in_words(every_s)} once it is published. {begins}"


def example(config: Mapping[str, Any], now: Moment) -> Mapping[str, Any]:
    """The sample, to try the workflow with."""
    sample = config.get("sample")
    return sample if isinstance(sample, dict) else {}


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


NODE = NodeType(
    name="watch_trigger",
    title="Watch a server",
    group="Triggers",
    description="Something new appears at a connected MCP server, or changes there, and the workflow starts with it.",
    icon="radar",
    config=Config,
    output=output,
    names=names,
    run=run,
    check=check,
    hint=hint,
    example=example,
    refine=refine,
    is_trigger=True,
    has_error_port=False,
    summary="{server} · {tool}",
    default_config={"server": "", "tool": "", "arguments": {}, "items": "", "key": "", "every_s": 60},
)
