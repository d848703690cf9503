"""Everything wrong with a graph, in node order; one bad node never hides the problems of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from pydantic import AwareDatetime, TypeAdapter

from runtime.graph.node_types import Known, NodeTypeFacts, Port
from runtime.graph.problems import Problem
from runtime.graph.references import ReferenceCheck
from runtime.graph.schema import FORBIDDEN_KEYS, Graph, GraphSettings, Node
from runtime.graph.structure import Structure
from runtime.graph.templates import has_parts
from runtime.time_zones import is_zone

RESERVED_IDS = frozenset(
    {"out", "error", "otherwise", "unsure", "timed_out", "gave_up", "limit_reached"}
    | {"true", "false", "null", "in", "has", "coalesce", "size", "all", "exists", "filter", "map"}
    | {"trigger", "steps", "errors", "run", "workspace", "vars", "item", "index"}
    | FORBIDDEN_KEYS
)
ID_LISTS = ("choices", "branches", "fields", "values")
FORMATS = FormatChecker(formats=())
_MOMENT: TypeAdapter[AwareDatetime] = TypeAdapter(AwareDatetime)


@dataclass(frozen=True)
class NodeDescription:
    """What the editor needs of a node: its exits, what it gives, and what it may read.

    inside   of a container: the steps that its fields over the end of an iteration may read besides
    names    field -> what its expressions read instead of all that, with schemas
    item     what `item` is: for a step in a loop over a list, and for the fields of such a loop over its body
    """

    ports: tuple[Port, ...]
    output: Mapping[str, Any] | None
    before: tuple[str, ...]
    trigger: Mapping[str, Any] | None
    inside: tuple[str, ...] = ()
    item: Mapping[str, Any] | None = None
    names: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


def check_graph(graph: Graph, types: Mapping[str, NodeTypeFacts], known: Known) -> list[Problem]:
    """Every problem; those of severity "error" refuse a publish."""
    structure = Structure(graph, types)
    checks = ReferenceCheck(structure, known)
    found = [*structure.problems(), *checks.settings_problems(), *_settings_problems(graph.settings)]
    for node in graph.nodes:
        found += _node_problems(node, types, known, checks)
    order = {node.id: position for position, node in enumerate(graph.nodes)}
    return sorted(dict.fromkeys(found), key=lambda problem: order.get(problem.node or "", -1))


def describe_nodes(
    graph: Graph, types: Mapping[str, NodeTypeFacts], known: Known
) -> dict[str, NodeDescription]:
    """Node id -> what the editor shows of it."""
    structure = Structure(graph, types)
    checks = ReferenceCheck(structure, known)
    described = {}
    for node in graph.nodes:
        before = checks.before(node.id)
        trigger = checks.trigger_shape(node.id).schema
        item = checks.item_of(node.id) or checks.item(node.id)
        described[node.id] = NodeDescription(
            ports=structure.ports[node.id],
            output=_output(node, types.get(node.type), known, checks),
            before=tuple(other.id for other in graph.nodes if other.id in before),
            trigger=trigger or None,
            inside=tuple(other.id for other in structure.bodies.get(node.id, [])),
            item=item.schema if item is not None else None,
            names=checks.own_names(node),
        )
    return described


def _output(
    node: Node, node_type: NodeTypeFacts | None, known: Known, checks: ReferenceCheck
) -> Mapping[str, Any] | None:
    if node_type is None:
        return None
    return (
        checks.output(node.id).schema
        if node_type.is_container
        else node_type.output_schema(node.config, known)
    )


def _settings_problems(settings: GraphSettings) -> Iterator[Problem]:
    """Settings of the workflow that would not do what they say."""
    if settings.timezone is not None and not is_zone(settings.timezone):
        text = f'There is no time zone "{settings.timezone}". Write one such as Europe/Berlin.'
        yield Problem(None, "settings/timezone", "invalid_config", text)
    if settings.never_stored:
        # Whoever reads a name there takes the value for one that is kept nowhere.
        text = (
            "Every value of a run is stored, also those that stand under never_stored. Remove that setting, and "
            "keep secret values out of the workflow."
        )
        yield Problem(None, "settings/never_stored", "never_stored_unsupported", text)


def _node_problems(
    node: Node, types: Mapping[str, NodeTypeFacts], known: Known, checks: ReferenceCheck
) -> Iterator[Problem]:
    yield from _id_problems(node)
    node_type = types.get(node.type)
    if node_type is None:
        message = f'There is no kind of step called "{node.type}" in this installation.'
        yield Problem(node.id, None, "unknown_node_type", message)
        return
    if node.version > node_type.version:
        message = f'This step was drawn with a newer version of "{node_type.title}".'
        yield Problem(node.id, None, "unknown_node_type", message)
        return
    yield from _unused_settings(node, node_type)
    yield from _config_problems(node, node_type)
    yield from node_type.problems(node, known)
    yield from checks.problems(node)


def _unused_settings(node: Node, node_type: NodeTypeFacts) -> Iterator[Problem]:
    """What somebody has set and a step of this type never looks at."""
    for name in sorted(node.settings.model_fields_set):
        value = getattr(node.settings, name)
        if name not in node_type.settings and value != type(node.settings).model_fields[name].default:
            text = f'"{node_type.title}" does not look at the setting "{name}", which belongs to steps that call out.'
            yield Problem(node.id, f"settings/{name}", "setting_unused", text, severity="warning")


def _id_problems(node: Node) -> Iterator[Problem]:
    if node.id in RESERVED_IDS:
        yield Problem(
            node.id,
            None,
            "reserved_id",
            f'"{node.id}" is a word of the language and cannot be the id of a step.',
        )
    for name in ID_LISTS:
        rows = node.config.get(name)
        ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for position, row_id in enumerate(ids):
            if not isinstance(row_id, str):
                continue
            field = f"{name}/{position}/id"
            if row_id in RESERVED_IDS and name in {"choices", "branches"}:
                yield Problem(node.id, field, "reserved_id", f'"{row_id}" is taken; choose another id.')
            if row_id in ids[:position]:
                yield Problem(
                    node.id, field, "duplicate_id", f'"{row_id}" stands twice; every id is there once.'
                )


def _config_problems(node: Node, node_type: NodeTypeFacts) -> Iterator[Problem]:
    """The config against its schema; a text with `{{ }}` is judged by its expression instead."""
    validator = Draft202012Validator(dict(node_type.config_schema), format_checker=FORMATS)
    for error in validator.iter_errors(node.config):
        yield from _schema_problem(node, error)


def _schema_problem(node: Node, error: ValidationError) -> Iterator[Problem]:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required" and isinstance(error.validator_value, list):
        yield from _missing(node, error, path)
        return
    if has_parts(error.instance):
        return
    if error.validator == "oneOf" and (meant := _variant_meant(error)):
        for inner in meant:
            yield from _schema_problem(node, inner)
        return
    if error.validator in {"anyOf", "oneOf"} and error.context:
        error = min(error.context, key=lambda inner: (inner.validator == "type", -len(inner.absolute_path)))
    if error.validator == "additionalProperties":
        yield from _undeclared(node, error)
        return
    field = "/".join(path) or None
    if error.validator in {"minLength", "minItems"} and not error.instance:
        yield Problem(node.id, field, "required", f'"{_own_title(error, path)}" is needed.')
        return
    yield Problem(node.id, field, "invalid_config", f"{_own_title(error, path)}: {_sentence(error)}")


@FORMATS.checks("date-time", raises=(ValueError, OverflowError))
def _is_moment(value: object) -> bool:
    """Judged as the node's own model does it: with a zone, and inside the calendar in UTC too."""
    if isinstance(value, str):
        _MOMENT.validate_python(value).astimezone(UTC)
    return True


def _variant_meant(error: ValidationError) -> list[ValidationError]:
    """What is wrong with the one variant whose constants fit; nothing where that says not which is meant."""
    variants: dict[int | str, list[ValidationError]] = {}
    for inner in error.context or ():
        variants.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [found for found in variants.values() if all(one.validator != "const" for one in found)]
    return fitting[0] if len(fitting) == 1 else []


def _missing(node: Node, error: ValidationError, path: list[str]) -> Iterator[Problem]:
    wanted = error.validator_value if isinstance(error.validator_value, list) else []
    for name in wanted:
        if isinstance(error.instance, dict) and name not in error.instance:
            yield Problem(node.id, "/".join([*path, name]), "required", f'"{_title(error, name)}" is needed.')


def _undeclared(node: Node, error: ValidationError) -> Iterator[Problem]:
    """Every field that an object has and its schema does not know."""
    place = "/".join(str(part) for part in error.absolute_path)
    declared = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    given = error.instance if isinstance(error.instance, dict) else {}
    for name in given:
        if name not in declared:
            text = f'There is no field "{name}" in {place or "this step"}; remove it, or correct its name.'
            yield Problem(node.id, f"{place}/{name}" if place else name, "invalid_config", text)


def _title(error: ValidationError, name: str) -> str:
    properties = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    return str(properties.get(name, {}).get("title") or name)


def _own_title(error: ValidationError, path: list[str]) -> str:
    """A variant of a field has no title of its own."""
    schemas = [found.schema for found in (error, error.parent) if found is not None]
    titles = [schema.get("title") for schema in schemas if isinstance(schema, dict)]
    return str(next(filter(None, titles), None) or (path[-1] if path else "This step"))


def _sentence(error: ValidationError) -> str:
    match error.validator:
        case "type":
            return f"needs another kind of value ({error.validator_value})."
        case "enum" | "const":
            return "is none of the possible values."
        case "pattern":
            return "has characters that are not possible here."
        case "format":
            return "needs a date with time and zone, such as 2026-11-21T09:00:00+01:00."
        case "minimum":
            return f"is too small (at least {error.validator_value})."
        case "exclusiveMinimum":
            return f"must be greater than {error.validator_value}."
        case "maximum":
            return f"is too large (at most {error.validator_value})."
        case "exclusiveMaximum":
            return f"must be less than {error.validator_value}."
        case "maxLength" | "maxItems":
            return f"is too long (at most {error.validator_value})."
    return "does not fit."
