"""The field that chooses a model, shared by every step that asks one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from runtime.graph.node_types import Known
from runtime.graph.problems import Problem
from runtime.graph.schema import Node

DEFAULT_MODEL = "default"


def model_field() -> Any:
    """`default`, or `<connection>/<model>`; never an expression."""
    return Field(
        default=DEFAULT_MODEL,
        title="Model",
        description="The workspace's default, or one of its connections.",
        json_schema_extra={"x-widget": "model"},
    )


def check_model(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """The model must be registered in the workspace."""
    yield from check_reference(config.get("model") or DEFAULT_MODEL, "model", node, known)


def check_reference(reference: Any, field: str, node: Node, known: Known) -> Iterable[Problem]:
    """One name of a model, wherever it stands."""
    if isinstance(reference, str) and not known.has_model(reference):
        if reference == DEFAULT_MODEL:
            text = "The workspace has no default model yet. An admin can add one under Model connections."
        else:
            text = f'There is no model connection "{reference.partition("/")[0]}" in this workspace.'
        yield Problem(node.id, field, "unknown_model", text)
