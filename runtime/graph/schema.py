"""The graph document: its shape, its limits, and one canonical way to write it.

A draft may be incomplete, so a node's config is free here; `validation` says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import GraphMalformed

MAX_NODES = 500
MAX_EDGES = 2_000
MAX_NOTES = 500
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
MAX_INTEGER = 2**63

ID_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Identifier = Annotated[str, Field(pattern=ID_PATTERN)]
Coordinate = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
FORBIDDEN_KEYS = frozenset({"__proto__", "constructor", "prototype"})


class Part(BaseModel):
    """Unknown keys are refused: a document of a newer format must not lose them silently."""

    model_config = ConfigDict(extra="forbid")


class Position(Part):
    x: Coordinate = 0
    y: Coordinate = 0


class Size(Part):
    width: Coordinate
    height: Coordinate


class Retry(Part):
    """`attempts` counts all tries; pauses are first_delay_s, then times factor each."""

    attempts: int = Field(default=3, ge=1, le=20)
    first_delay_s: float = Field(default=1.0, ge=0, le=3600)
    factor: float = Field(default=2.0, ge=1, le=10)


class NodeSettings(Part):
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    retry: Retry | None = None
    join: Literal["all", "first"] = "all"
    on_unknown: Literal["ask", "fail"] = "ask"
    disabled: bool = False


class Node(Part):
    id: Identifier
    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    version: int = Field(default=1, ge=1, le=1000)
    title: str = Field(default="", max_length=120)
    config: dict[str, Any] = Field(default_factory=dict)
    settings: NodeSettings = Field(default_factory=NodeSettings)
    position: Position = Field(default_factory=Position)
    parent: Identifier | None = None


class Edge(Part):
    source: Identifier
    port: Identifier
    target: Identifier


class Note(Part):
    id: Identifier
    text: str = Field(default="", max_length=10_000)
    position: Position = Field(default_factory=Position)
    size: Size | None = None


Budget = Literal["steps", "active_s", "tokens", "cost_usd", "bytes"]


class Concurrency(Part):
    key: str = ""
    limit: int = Field(default=1, ge=1, le=10_000)
    when_full: Literal["queue", "replace", "refuse"] = "queue"


class GraphSettings(Part):
    timezone: str | None = Field(default=None, max_length=64)
    concurrency: Concurrency | None = None
    budgets: dict[Budget, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    keep_days: int | None = Field(default=None, ge=1, le=4000)
    never_stored: list[str] = Field(default_factory=list, max_length=200)


class Graph(Part):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    settings: GraphSettings = Field(default_factory=GraphSettings)
    nodes: list[Node] = Field(default_factory=list)
    edges: list[Edge] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)


_Place: TypeAlias = "tuple[_Place, str | int] | None"
"""The way to a value, last step first; written out only in a message, because a document can hold long keys."""

# From a document of version n to one of n + 1; stored graphs are never rewritten, they are read through these.
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def parse_graph(document: object) -> Graph:
    """The graph of a JSON document; raises GraphMalformed naming the place."""
    if not isinstance(document, dict):
        raise GraphMalformed("A graph is a JSON object with nodes and edges.", details={"path": ""})
    _check_limits(document)
    version = document.get("schema", 1)
    while isinstance(version, int) and version in UPGRADES:
        document = UPGRADES[version](document)
        version = document["schema"]
    try:
        graph = Graph.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        path = "/".join(str(part) for part in first["loc"])
        raise GraphMalformed(
            f"The graph cannot be read at {path}: {first['msg']}.", details={"path": path}
        ) from error
    _check_unique("nodes", [node.id for node in graph.nodes])
    _check_unique("notes", [note.id for note in graph.notes])
    return graph


def parse_graph_text(text: str | bytes) -> Graph:
    """The graph of a JSON text; its size is judged before anything is read."""
    if _bytes_of(text) > MAX_BYTES:
        raise GraphMalformed(f"The document has more than {MAX_BYTES:,} bytes.", details={"path": ""})
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except GraphMalformed:
        raise
    except (ValueError, RecursionError) as error:
        raise GraphMalformed("The document is not JSON.", details={"path": ""}) from error
    return parse_graph(document)


def dump_graph(graph: Graph) -> dict[str, Any]:
    """The document: only what is saved, defaults left out of settings."""
    document = graph.model_dump(mode="json", by_alias=True)
    document["settings"] = graph.settings.model_dump(mode="json", exclude_defaults=True)
    for shown, node in zip(document["nodes"], graph.nodes, strict=True):
        shown["settings"] = node.settings.model_dump(mode="json", exclude_defaults=True)
        if node.parent is None:
            del shown["parent"]
        if not node.title:
            del shown["title"]
        if not shown["settings"]:
            del shown["settings"]
    return document


def digest(graph: Graph) -> str:
    """SHA-256 of the canonical document: equal graphs have equal digests."""
    text = json.dumps(dump_graph(graph), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _bytes_of(text: str | bytes) -> int:
    # A text that is too long by its characters alone need not be encoded to see it.
    if isinstance(text, bytes) or len(text) > MAX_BYTES:
        return len(text)
    return len(text.encode(errors="replace"))


def _check_limits(document: dict[str, Any]) -> None:
    """Counts, size, depth and values that no row can hold, without recursion."""
    for name, most in (("nodes", MAX_NODES), ("edges", MAX_EDGES), ("notes", MAX_NOTES)):
        rows = document.get(name)
        if isinstance(rows, list) and len(rows) > most:
            raise GraphMalformed(
                f"The graph has {len(rows):,} {name}; {most:,} are possible.",
                details={"path": name, "limit": most},
            )
    size = 0
    stack: list[tuple[object, _Place, int]] = [(document, None, 0)]
    while stack:
        value, place, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise _malformed("The graph is nested deeper than {limit} levels at {path}.", place, MAX_DEPTH)
        size += _weight(value, place)
        if isinstance(value, dict):
            for key, item in value.items():
                size += _check_key(key, place)
                stack.append((item, (place, key), depth + 1))
        elif isinstance(value, list):
            stack.extend((item, (place, index), depth + 1) for index, item in enumerate(value))
        if size > MAX_BYTES:
            raise GraphMalformed(f"The graph is larger than {MAX_BYTES:,} bytes.", details={"path": ""})


def _malformed(sentence: str, place: _Place, limit: int = 0) -> GraphMalformed:
    parts = []
    while place is not None:
        place, part = place
        parts.append(str(part)[:100])
    path = "/".join(reversed(parts))
    return GraphMalformed(sentence.format(path=path, limit=limit), details={"path": path})


def _weight(value: object, place: _Place) -> int:
    """About how many bytes a scalar takes; raises GraphMalformed for one that cannot be stored."""
    if isinstance(value, str):
        if "\x00" in value:
            raise _malformed("The text at {path} contains a NUL character.", place)
        try:
            return len(value.encode()) + 3
        except UnicodeEncodeError as error:
            raise _malformed("The text at {path} is not valid Unicode.", place) from error
    if isinstance(value, bool) or value is None:
        return 5
    if isinstance(value, int):
        if abs(value) >= MAX_INTEGER:
            raise _malformed("The number at {path} has more than 64 bits.", place)
        return 20
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _malformed("The number at {path} is not finite.", place)
        return 20
    if isinstance(value, (dict, list)):
        return 2
    raise _malformed("The value at {path} is not JSON.", place)


def _check_key(key: object, place: _Place) -> int:
    """The bytes that the key takes; raises GraphMalformed for one that is not allowed."""
    if not isinstance(key, str):
        raise _malformed("A key at {path} is no text.", place)
    if key in FORBIDDEN_KEYS:
        raise _malformed(f'The key "{key}" at {{path}} is not allowed.', place)
    return _weight(key, place) + 1


def _check_unique(what: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise GraphMalformed(f'Two {what} have the id "{name}".', details={"path": what, "id": name})
        seen.add(name)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(key for key, _ in pairs)
        twice = next(key for key, count in times.items() if count > 1)[:100]
        raise GraphMalformed(f'The key "{twice}" stands twice in one object.', details={"path": twice})
    return found


def _refuse_constant(name: str) -> Any:
    raise GraphMalformed(f"{name} is no JSON number.", details={"path": ""})
