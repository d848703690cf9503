"""Branch: the first branch whose condition holds names the port the run leaves by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import ID_PATTERN, Node
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, PortRule
from runtime.nodes.conditions import check_conditions, holds
from runtime.nodes.lists import texts_of


class Branch(NodeConfig):
    id: str = Field(title="Name of the exit", pattern=ID_PATTERN)
    title: str = ""
    when: str | dict[str, Any] = Field(
        title="When",
        description="Rules, or an expression that gives true or false.",
        json_schema_extra={"x-expression": "lazy", "x-widget": "rules"},
    )


class Config(NodeConfig):
    branches: list[Branch] = Field(
        min_length=1,
        title="Branches",
        description="Tried from the top; the first that holds is taken, else Otherwise.",
        json_schema_extra={"x-widget": "branches"},
    )


class Output(BaseModel):
    branch: str = Field(title="Branch taken")


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    return check_conditions(config, node, "branches")


async def run(config: Config, ctx: NodeContext) -> Leave:
    for position, branch in enumerate(config.branches):
        field = f"branches/{position}/when"
        if holds(branch.when, ctx, field=field, title=branch.title or branch.id):
            return Leave({"branch": branch.id}, ports=(branch.id,))
    return Leave({"branch": "otherwise"}, ports=("otherwise",))


NODE = NodeType(
    name="condition",
    title="Condition",
    group="Flow",
    description="Goes different ways by rules, without a model.",
    icon="split",
    config=Config,
    output=Output,
    run=run,
    chooses=lambda output: texts_of(output.get("branch")),
    check=check,
    port_rules=(PortRule(each="branches"), PortRule("otherwise", "Otherwise")),
    default_config={"branches": [{"id": "yes", "title": "Yes", "when": {"all": []}}]},
)
