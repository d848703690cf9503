"""Random graphs that need nothing outside: the document for the product, and the plan for the interpreter."""

from __future__ import annotations

import random
from typing import Any

from tests.support.interpreter import Edge, Planned

TRUE, FALSE = "{{ 1 == 1 }}", "{{ 1 == 2 }}"
KINDS = ["value", "value", "value", "fork", "fork", "broken", "broken", "nap", "each", "repeat", "stop"]
EXITS = {
    "value": ["out"],
    "nap": ["out"],
    "broken": ["error", "out"],
    "fork": ["yes", "otherwise"],
    "each": ["out", "error"],
    "repeat": ["out", "limit_reached", "error"],
    "stop": [],
}


def a_random_graph(seed: int) -> tuple[dict[str, Any], list[Planned], list[Edge]]:
    """Document, plan and edges."""
    chance = random.Random(seed)
    nodes = [
        {"id": "start", "type": "manual_trigger", "version": 1, "config": {}, "position": {"x": 0, "y": 0}}
    ]
    plan = [Planned("start", "leave")]
    kinds, edges = {"start": "value"}, []
    for number in range(chance.randint(2, 12)):
        kind = chance.choice(KINDS)
        name = f"{kind}_{number}"
        holders = [node.id for node in plan if node.does in ("each", "repeat") and _depth(plan, node) < 3]
        parent = chance.choice([None, None, *holders])
        planned, config, type_name = _made(chance, kind, name, parent)
        beside = [node.id for node in plan if node.parent == parent and EXITS[kinds[node.id]]]
        sources = chance.sample(beside, k=min(len(beside), chance.randint(0 if parent else 1, 2)))
        edges += [(source, chance.choice(EXITS[kinds[source]]), name) for source in sources]
        kinds[name] = kind
        plan.append(planned)
        nodes.append(_drawn(name, type_name, config, parent, planned.first))
    for holder in [node for node in plan if node.does in ("each", "repeat")]:
        if not any(node.parent == holder.id for node in plan):
            plan.append(Planned(f"in_{holder.id}", "leave", parent=holder.id))
            nodes.append(_drawn(f"in_{holder.id}", "set_values", _values("1"), holder.id, False))
    drawn = [{"source": source, "port": port, "target": target} for source, port, target in edges]
    return {"schema": 1, "settings": {}, "nodes": nodes, "edges": drawn, "notes": []}, plan, edges


def _made(
    chance: random.Random, kind: str, name: str, parent: str | None
) -> tuple[Planned, dict[str, Any], str]:
    first = chance.random() < 0.2
    match kind:
        case "fork":
            port = chance.choice(["yes", "otherwise"])
            when = TRUE if port == "yes" else FALSE
            branches = [{"id": "yes", "title": "Yes", "when": when}]
            return Planned(name, "leave", port, parent, first), {"branches": branches}, "condition"
        case "broken":
            return Planned(name, "fail", parent=parent, first=first), _values("{{ [1][5] }}"), "set_values"
        case "nap":
            return Planned(name, "nap", parent=parent, first=first), {"for_s": 0}, "wait"
        case "stop":
            outcome = chance.choice(["success", "failure"])
            return Planned(name, "stop", outcome, parent, first), {"outcome": outcome, "message": "."}, "stop"
        case "each":
            count, parallel, keeps_on = chance.randint(0, 3), chance.randint(1, 3), chance.random() < 0.5
            config = {
                "items": "{{ " + str(list(range(count))) + " }}",
                "max_parallel": parallel,
                "on_item_error": "continue" if keeps_on else "fail",
            }
            planned = Planned(name, "each", "out", parent, first, count, parallel, keeps_on)
            return planned, config, "for_each"
        case "repeat":
            count, limit = chance.randint(1, 3), chance.randint(1, 3)
            config = {"until": "{{ index == " + str(count - 1) + " }}", "max_times": limit}
            return Planned(name, "repeat", "out", parent, first, count, limit=limit), config, "repeat"
    return Planned(name, "leave", parent=parent, first=first), _values("1"), "set_values"


def _values(value: str) -> dict[str, Any]:
    return {"values": [{"id": "n", "value": value}]}


def _drawn(name: str, kind: str, config: dict[str, Any], parent: str | None, first: bool) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": name,
        "type": kind,
        "version": 1,
        "config": config,
        "position": {"x": 0, "y": 0},
    }
    if parent:
        node["parent"] = parent
    if first:
        node["settings"] = {"join": "first"}
    return node


def _depth(plan: list[Planned], node: Planned) -> int:
    parents = {other.id: other.parent for other in plan}
    depth, current = 0, node.parent
    while current is not None:
        depth, current = depth + 1, parents[current]
    return depth
