"""Conditions that an author writes: true or false when they are asked, anything else is a mistake that is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.errors import ExpressionError, NodeFailure
from runtime.graph.problems import Problem
from runtime.graph.rules import derive_expression
from runtime.graph.schema import Node
from runtime.graph.templates import has_parts
from runtime.nodes.base import NodeContext
from runtime.nodes.lists import rows_of


def holds(when: str | Mapping[str, Any], ctx: NodeContext, *, field: str, title: str) -> bool:
    """Whether a condition is true.

    raises   ExpressionError or NodeFailure (expression_error); details hold the field
    """
    try:
        value = ctx.render(when if isinstance(when, str) else derive_expression(when))
    except ExpressionError as error:
        error.details["field"] = field
        raise
    if not isinstance(value, bool):
        raise NodeFailure(
            f'The condition of "{title}" gave no true or false.',
            code="expression_error",
            details={"field": field},
        )
    return value


def check_conditions(config: Mapping[str, Any], node: Node, rows: str) -> Iterable[Problem]:
    """A text without an expression would fail when it is asked; whoever checks the expressions tells of the others."""
    for position, row in rows_of(config.get(rows)):
        when, field = row.get("when"), f"{rows}/{position}/when"
        if when == "":
            yield Problem(node.id, field, "required", '"When" is needed.')
        elif isinstance(when, str) and not has_parts(when):
            text = (
                "This field needs true or false; write it as one expression in {{ }}, and nothing around it."
            )
            yield Problem(node.id, field, "type_mismatch", text)
