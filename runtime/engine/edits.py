"""Data that a fork is given in place of what steps gave, and what follows from it for the steps that are taken over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runtime.errors import ExpressionError, ForkImpossible
from runtime.graph.expressions.checker import references
from runtime.graph.node_types import NodeTypeFacts
from runtime.graph.paths import node_of, prefix_of
from runtime.graph.schema import Node
from runtime.graph.templates import expression_places, parse_template
from runtime.models import Step, StepStatus


class Edits:
    """Path -> the output that a step is to have given, or the input of the run under its trigger's path."""

    def __init__(self, data: Mapping[str, Any], trigger: str) -> None:
        self._data = data
        self._trigger = trigger
        self._left = dict(data)

    def apply(self, copy: Step, node: Node, node_type: NodeTypeFacts) -> None:
        """Replace what a copied step gave: a failure becomes a success, and a choice goes the way that the data names.

        raises   ForkImpossible for a way that there is not
        """
        if copy.path not in self._left:
            return
        before, copy.output = copy.output, self._left.pop(copy.path)
        chosen = () if node.settings.disabled else node_type.chosen_ports(copy.output)
        if copy.status == StepStatus.FAILED:
            copy.status, copy.error, copy.ports = StepStatus.SUCCEEDED, None, list(chosen or ("out",))
        elif chosen and chosen != node_type.chosen_ports(before or {}):
            copy.ports = list(chosen)
        else:
            return
        known = [port.name for port in node_type.ports(node.config)]
        if missing := [port for port in copy.ports if port not in known]:
            raise ForkImpossible(
                f'"{copy.path}" cannot leave by "{missing[0]}" with this data. Its exits are {", ".join(known)}.',
                details={"path": copy.path},
            )

    def check_container(self, step: Step, node: Node, node_type: NodeTypeFacts) -> None:
        """Raises ForkImpossible where what a container goes on with was computed from data that is replaced."""
        named = {name for edited in self._data for name in self._names(edited, step.path)}
        if any(name in named for name in _read_at_entry(node, node_type)):
            raise ForkImpossible(
                f'What "{step.path}" goes on with was computed from data that you change.'
                f' Begin again at "{step.path}" itself.',
                details={"path": step.path},
            )

    def check_all_used(self) -> None:
        """Raises ForkImpossible for data of a step that was not taken over."""
        for path in self._left:
            raise ForkImpossible(
                f'"{path}" is not taken over, so its data cannot be replaced.', details={"path": path}
            )

    def _names(self, edited: str, seen_from: str) -> Iterator[tuple[str, ...]]:
        """What expressions at a place call a step, if they can see it from there."""
        if edited == self._trigger:
            yield ("trigger",)
        if seen_from.startswith(prefix_of(edited)):
            yield ("steps", node_of(edited))


def _read_at_entry(node: Node, node_type: NodeTypeFacts) -> Iterator[tuple[str, ...]]:
    """The names that a container's settings read when it begins; those over the end of an iteration are read anew."""
    for place in expression_places(node.config, node_type.config_schema):
        if place.in_body:
            continue
        try:
            trees = parse_template(place.text).trees
        except ExpressionError:
            continue
        for tree in trees:
            for reference in references(tree):
                yield reference.path[:1] if reference.path[0] == "trigger" else reference.path[:2]
