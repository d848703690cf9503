"""Started when a run of another workflow fails: to tell somebody, or to tidy up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, Moment, NodeContext, NodeType

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class Config(NodeConfig):
    workflows: list[Slug] = Field(
        default_factory=list,
        max_length=200,
        title="Which workflows",
        description="None chosen: every other workflow of the workspace.",
        json_schema_extra={"x-widget": "workflows"},
    )


class Workflow(BaseModel):
    id: str = Field(title="Id")
    slug: str = Field(title="Short name")
    name: str = Field(title="Name")


class Failure(BaseModel):
    """As a run's own `error`."""

    code: str = Field(title="Code")
    message: str = Field(title="Message")
    retryable: bool = Field(title="May pass by itself")
    details: dict[str, Any] = Field(title="Details")
    node: str | None = Field(title="Step")
    path: str | None = Field(title="Place of the step in the run")


class Output(BaseModel):
    workflow: Workflow = Field(title="Workflow")
    run_id: str = Field(title="Run")
    node: str | None = Field(title="Step", description="The step that failed; empty if it was none.")
    error: Failure = Field(title="Error")


def example(config: Mapping[str, Any], now: Moment) -> Mapping[str, Any]:
    """A failure that looks like a real one."""
    run_id = "00000000-0000-7000-8000-000000000000"
    error = {
        "code": "mcp_timeout",
        "message": "The server did not answer in time.",
        "retryable": True,
        "details": {},
        "node": "lookup",
        "path": "lookup",
    }
    workflow = {"id": run_id, "slug": "order-status", "name": "Order status"}
    return {"workflow": workflow, "run_id": run_id, "node": "lookup", "error": error}


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """Workflows whose failures would be waited for in vain: those that are not there, and this one itself."""
    slugs = config.get("workflows")
    for position, slug in enumerate(slugs if isinstance(slugs, list) else []):
        if not slug or not isinstance(slug, str):
            continue
        place = f"workflows/{position}"
        if slug == known.own_slug:
            text = "A workflow is not told of its own failures. Choose another one."
            yield Problem(node.id, place, "invalid_config", text, severity="warning")
        elif known.workflow(slug) is None:
            text = f'There is no workflow "{slug}" in this workspace.'
            yield Problem(node.id, place, "unknown_workflow", text)


async def run(config: Config, ctx: NodeContext) -> Leave:
    return Leave(ctx.trigger)


NODE = NodeType(
    name="failure_trigger",
    title="When a workflow fails",
    group="Triggers",
    description="A run of another workflow fails, and this one starts with what went wrong.",
    icon="siren",
    config=Config,
    output=Output,
    run=run,
    check=check,
    example=example,
    is_trigger=True,
    has_error_port=False,
    summary="When a run fails",
)
