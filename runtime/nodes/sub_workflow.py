"""Starts another workflow, and waits for what it gives if that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from runtime.errors import NodeFailure
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, Park, Waited

WORKFLOW_CYCLE = "workflow_cycle"
"""The code of a step that starts a workflow which leads back to the step's own."""


class Config(NodeConfig):
    workflow: str = Field(
        min_length=1,
        title="Workflow",
        description="It starts at its form trigger, in the version that is live at that moment.",
        json_schema_extra={"x-widget": "workflow"},
    )
    input: dict[str, Any] = Field(
        default_factory=dict,
        title="Input",
        description="What its form asks for.",
        json_schema_extra={"x-widget": "workflow_input", "additionalProperties": {"x-expression": True}},
    )
    wait: bool = Field(
        default=True,
        title="Wait for its result",
        description="Otherwise this run goes on at once, and the other one by itself.",
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema | None:
    """What the other workflow replies is known when it ends only."""
    if config.get("wait", True):
        return None
    run_id = {"type": "string", "title": "Run that was started"}
    return {"type": "object", "properties": {"run_id": run_id}, "required": ["run_id"]}


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """A workflow that is not there, cannot be started, leads back here, or asks for other fields."""
    slug = config.get("workflow")
    if not slug or not isinstance(slug, str):
        return
    found = known.workflow(slug)
    if found is None:
        text = f'There is no workflow "{slug}" in this workspace.'
        yield Problem(node.id, "workflow", "unknown_workflow", text)
        return
    if _leads_back(slug, known):
        text = f'"{found.name}" leads back to this workflow, so that neither would ever end.'
        yield Problem(node.id, "workflow", WORKFLOW_CYCLE, text)
        return
    if found.input_schema is None:
        text = (
            f'"{found.name}" has no published version with a form trigger yet, and cannot be started before.'
        )
        yield Problem(node.id, "workflow", "workflow_not_ready", text, severity="warning")
        return
    yield from _input_problems(config, node, found.name, found.input_schema)


def _leads_back(slug: str, known: Known) -> bool:
    seen: set[str] = set()
    pending = [slug]
    while pending:
        current = pending.pop()
        if current == known.own_slug:
            return True
        found = known.workflow(current) if current not in seen else None
        seen.add(current)
        pending += found.calls if found else []
    return False


def _input_problems(
    config: Mapping[str, Any], node: Node, name: str, schema: JsonSchema
) -> Iterable[Problem]:
    given, fields = config.get("input") or {}, schema.get("properties", {})
    if not isinstance(given, Mapping):
        return
    for field in schema.get("required", ()):
        if given.get(field) in (None, ""):
            title = fields.get(field, {}).get("title") or field
            yield Problem(node.id, f"input/{field}", "required", f'"{title}" is needed by "{name}".')
    for field in given:
        if field not in fields:
            text = f'"{name}" does not ask for "{field}".'
            yield Problem(node.id, f"input/{field}", "unknown_argument", text)


def refine(schema: JsonSchema, config: Mapping[str, Any], known: Known) -> JsonSchema:
    """The input takes what the other workflow's form asks for."""
    found = known.workflow(str(config.get("workflow", "")))
    if found is None or found.input_schema is None:
        return schema
    fields = {
        name: {**declared, "x-expression": True}
        for name, declared in found.input_schema.get("properties", {}).items()
    }
    properties = schema["properties"]
    given = {**properties["input"], "properties": fields}
    return {**schema, "properties": {**properties, "input": given}}


async def run(config: Config, ctx: NodeContext) -> Leave | Park:
    child = await ctx.child(config.workflow, config.input)
    if config.wait:
        data = {"run_id": str(child.run_id), "workflow": config.workflow}
        return Park("child", due_at=None, data=data, starts=child)
    return Leave({"run_id": str(child.run_id)}, starts=child)


def resume(config: Config, waited: Waited, ctx: NodeContext) -> Leave:
    ended = waited.signal or {}
    if ended.get("status") == "succeeded":
        result = ended.get("result")
        return Leave(result if isinstance(result, dict) else {} if result is None else {"value": result})
    error = ended.get("error") or {}
    raise NodeFailure(
        f'"{config.workflow}" did not succeed: {error.get("message") or ended.get("status")}',
        code="sub_workflow_failed",
        details={"run_id": waited.data.get("run_id"), "error": error},
    )


NODE = NodeType(
    name="sub_workflow",
    title="Run a workflow",
    group="Flow",
    description="Starts another workflow of the workspace and goes on with its result.",
    icon="workflow",
    config=Config,
    output=output,
    run=run,
    resume=resume,
    check=check,
    refine=refine,
    summary="{workflow}",
    default_config={"workflow": "", "input": {}, "wait": True},
)
