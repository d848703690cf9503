"""Small graphs written as arrows, with a catalogue of six kinds of step that do nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from runtime.graph.node_types import JsonSchema, Known, Port
from runtime.graph.problems import Problem
from runtime.graph.schema import Edge, Graph, Node, NodeSettings
from runtime.graph.structure import Structure


@dataclass(frozen=True)
class Kind:
    """A node type as the graph core sees one."""

    name: str
    exits: tuple[Port, ...]
    is_trigger: bool = False
    is_end: bool = False
    version: int = 1
    is_container: bool = False
    item_field: str = ""
    expands: bool = False

    @property
    def title(self) -> str:
        return self.name.capitalize()

    @property
    def config_schema(self) -> JsonSchema:
        return {"type": "object", "properties": {"collect": {"x-expression": "body"}}}

    def expression_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema:
        return self.config_schema

    def own_names(self, config: Mapping[str, Any], known: Known) -> Mapping[str, Mapping[str, JsonSchema]]:
        return {}

    def ports(self, config: Mapping[str, Any]) -> tuple[Port, ...]:
        return self.exits

    @property
    def settings(self) -> tuple[str, ...]:
        return ("disabled",) if self.is_trigger else ("timeout_s", "retry", "on_unknown", "join", "disabled")

    def chosen_ports(self, output: Mapping[str, Any]) -> tuple[str, ...]:
        return (output["choice"],) if "choice" in output else ()

    def output_schema(self, config: Mapping[str, Any], known: Known) -> JsonSchema | None:
        return None

    def loop_output(self, collected: JsonSchema) -> JsonSchema | None:
        return None

    def problems(self, node: Node, known: Known) -> Iterable[Problem]:
        return ()

    def upgrade(self, config: Mapping[str, Any], from_version: int) -> Mapping[str, Any]:
        """Notes every version that it was brought through."""
        return {**config, "upgraded": [*range(from_version + 1, self.version + 1)]}


ERROR = Port("error")
KINDS = {
    kind.name: kind
    for kind in (
        Kind("start", (Port("out"),), is_trigger=True),
        Kind("step", (Port("out"), ERROR)),
        Kind("fork", (Port("yes"), Port("no"), Port("unsure", takable=False), ERROR)),
        Kind("stop", (), is_end=True),
        Kind("loop", (Port("out"), ERROR), is_container=True, item_field="items"),
        Kind("repeat", (Port("out"), Port("limit_reached"), ERROR), is_container=True),
    )
}


def drawn(*arrows: str, first: Collection[str] = (), disabled: Collection[str] = ()) -> Graph:
    """`"start > fork:yes > a"`: an id begins with its kind, else it is a step; `:port` is `out` if unsaid.

    `"loop/a > loop/b"` draws inside of `loop`; `"loop/loop_2/c"` inside of a loop in it.
    first, disabled   ids of the nodes with that setting
    """
    nodes: dict[str, Node] = {}
    edges = []
    for arrow in arrows:
        ends = [end.strip().partition(":") for end in arrow.split(">")]
        for path, _, _ in ends:
            holder, _, name = path.rpartition("/")
            kind = next((kind for kind in KINDS if name.startswith(kind)), "step")
            settings = NodeSettings(join="first" if name in first else "all", disabled=name in disabled)
            parent = holder.rpartition("/")[2] or None
            nodes[name] = Node(id=name, type=kind, settings=settings, parent=parent)
        edges += [
            Edge(source=source.rpartition("/")[2], port=port or "out", target=target.rpartition("/")[2])
            for (source, _, port), (target, _, _) in pairwise(ends)
        ]
    return Graph(nodes=list(nodes.values()), edges=edges)


def structure(graph: Graph) -> Structure:
    return Structure(graph, KINDS)
