"""What expressions of a node may read, and what is wrong with those that they do read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal as OneOf

from runtime.errors import ExpressionError
from runtime.graph.expressions.checker import Finding, Reference, check, references
from runtime.graph.node_types import JsonSchema, Known, NodeTypeFacts
from runtime.graph.presence import FAILURE, may_be_absent, may_be_absent_at_end, with_failure_of
from runtime.graph.problems import Problem
from runtime.graph.rules import derive_expression
from runtime.graph.scheduling import Frontier
from runtime.graph.schema import Node
from runtime.graph.shapes import UNKNOWN, ScopeShape, Shape, mismatch, of_kind, union
from runtime.graph.structure import Structure
from runtime.graph.templates import Place, Template, expression_places, has_parts, parse_template

KEY_FIELD = "settings/concurrency/key"
NUMERIC = frozenset("0123456789.+-eE \t\n")

ERROR_SHAPE = Shape(
    {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "retryable": {"type": "boolean"},
            "details": {"type": "object"},
        },
        "required": ["code", "message", "retryable", "details"],
    }
)
RUN_SHAPE = Shape(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "started_at": {"type": "string"},
            "workflow": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "name": {"type": "string"},
                    "slug": {"type": "string"},
                },
                "required": ["id", "name", "slug"],
            },
        },
        "required": ["id", "started_at", "workflow"],
    }
)
WORKSPACE_SHAPE = Shape(
    {"type": "object", "properties": {"timezone": {"type": "string"}}, "required": ["timezone"]}
)


@dataclass
class ReferenceCheck:
    """Checks the expressions of every node of one graph; shapes and ancestors are worked out once."""

    structure: Structure
    known: Known
    _outputs: dict[str, Shape] = field(default_factory=dict)
    _before: dict[str, set[str]] = field(default_factory=dict)

    def output(self, node_id: str) -> Shape:
        """The shape of a node's output."""
        if node_id not in self._outputs:
            self._outputs[node_id] = UNKNOWN  # what a wrong drawing asks in a circle
            node = self.structure.nodes[node_id]
            node_type = self.structure.types.get(node.type)
            schema = node_type.output_schema(node.config, self.known) if node_type else None
            if node_type is not None and node_type.is_container:
                schema = self._loop_output(node, node_type)
            self._outputs[node_id] = Shape(schema) if schema is not None else UNKNOWN
        return self._outputs[node_id]

    def _loop_output(self, container: Node, node_type: NodeTypeFacts) -> JsonSchema | None:
        collected = self._collected(container)
        schema = node_type.loop_output(collected.schema)
        definitions = (collected.root or collected.schema).get("$defs")
        return {**schema, "$defs": definitions} if schema and definitions else schema

    def _collected(self, container: Node) -> Shape:
        """What one iteration gives: the field for it, or the output of the only step that nothing follows."""
        wanted = container.config.get("collect")
        if wanted in (None, ""):
            ends = Frontier(self.structure.graph, container.id).ends
            return self.output(ends[0]) if len(ends) == 1 else UNKNOWN
        return self._rendered(wanted, self.scope(container.id, in_body=True))

    def _rendered(self, value: object, scope: Mapping[str, Shape]) -> Shape:
        """The shape of a text that is exactly one expression; unknown for all else."""
        if not isinstance(value, str) or not has_parts(value):
            return UNKNOWN
        try:
            single = parse_template(value).single
        except ExpressionError:
            return UNKNOWN
        return check(single, scope)[0] if single is not None else of_kind("string")

    def item(self, node_id: str) -> Shape | None:
        """What `item` is for a node: an element of the list of the nearest container that has one."""
        for container in self.structure.containers_around(node_id):
            if (found := self.item_of(container)) is not None:
                return found
        return None

    def item_of(self, container: str) -> Shape | None:
        node = self.structure.nodes[container]
        node_type = self.structure.types.get(node.type)
        if node_type is None or not node_type.item_field:
            return None
        return self._rendered(node.config.get(node_type.item_field), self.scope(container)).item()

    def before(self, node_id: str) -> set[str]:
        if node_id not in self._before:
            self._before[node_id] = self.structure.before(node_id)
        return self._before[node_id]

    def trigger_shape(self, node_id: str) -> Shape:
        """What `trigger` holds: the output of one of the triggers that lead here."""
        return self._fired(self.before(node_id) | {node_id})

    def _fired(self, among: set[str]) -> Shape:
        found = [self.output(trigger) for trigger in self.structure.triggers if trigger in among]
        return union(found) if found else UNKNOWN

    def scope(self, node_id: str, *, in_body: bool = False) -> Mapping[str, Shape]:
        """The names that the node's expressions may use, with their shapes.

        in_body   of a container: for its fields over the end of an iteration
        """
        before = self.structure.inside(node_id) if in_body else self.before(node_id)
        steps = {other: self.output(other) for other in before if not self.structure.is_trigger(other)}
        failing = {other: ERROR_SHAPE for other in before if self._has_error_edge(other)}
        return {
            **self._scope_of_run(self.trigger_shape(node_id)),
            "steps": ScopeShape(members=steps),
            "errors": ScopeShape(members=failing),
            **self._scope_of_loop(node_id, in_body),
        }

    def _scope_of_loop(self, node_id: str, in_body: bool) -> Mapping[str, Shape]:
        if not in_body and not self.structure.containers_around(node_id):
            return {}
        item = (self.item_of(node_id) if in_body else None) or self.item(node_id)
        return {"index": of_kind("integer")} | ({"item": item} if item is not None else {})

    def own_names(self, node: Node) -> Mapping[str, Mapping[str, JsonSchema]]:
        """Field -> what its expressions read where there is no run yet."""
        node_type = self.structure.types.get(node.type)
        return node_type.own_names(node.config, self.known) if node_type else {}

    def _scope_without_run(self, own: Mapping[str, JsonSchema]) -> Mapping[str, Shape]:
        return {**self._scope_of_workspace(), **{name: Shape(schema) for name, schema in own.items()}}

    def _scope_of_run(self, trigger: Shape) -> Mapping[str, Shape]:
        """What is there before the first step."""
        return {"trigger": trigger, "run": RUN_SHAPE, **self._scope_of_workspace()}

    def _scope_of_workspace(self) -> Mapping[str, Shape]:
        variables = dict.fromkeys(self.known.variables(), UNKNOWN)
        return {"workspace": WORKSPACE_SHAPE, "vars": ScopeShape(members=variables)}

    def settings_problems(self) -> Iterator[Problem]:
        """Everything wrong with the expressions in the workflow's settings, which no step comes before."""
        concurrency = self.structure.graph.settings.concurrency
        if concurrency is None or not has_parts(concurrency.key):
            return
        try:
            template = parse_template(concurrency.key)
        except ExpressionError as error:
            yield Problem(None, KEY_FIELD, "expression_error", error.message)
            return
        scope = self._scope_of_run(self._fired(set(self.structure.triggers)))
        for tree in template.trees:
            for finding in check(tree, scope)[1]:
                yield _problem(None, KEY_FIELD, finding, template.text)

    def problems(self, node: Node) -> Iterator[Problem]:
        """Everything wrong with the expressions in a node's config."""
        node_type = self.structure.types[node.type]
        for place in expression_places(node.config, node_type.expression_schema(node.config, self.known)):
            if not place.allowed:
                message = f'An expression is not possible in the field "{place.field}"; write a fixed value.'
                yield Problem(node.id, place.field, "expression_not_allowed", message)
                continue
            yield from self._place_problems(node, place)

    def _place_problems(self, node: Node, place: Place) -> Iterator[Problem]:
        """Rules of the visual builder are judged by the expression that follows from them."""
        is_text = place.rules is None
        try:
            template = parse_template(place.text if place.rules is None else derive_expression(place.rules))
        except ExpressionError as error:
            yield Problem(node.id, place.field, "expression_error", error.message)
            return
        yield from self._template_problems(node, place, template, with_repairs=is_text)

    def _template_problems(
        self, node: Node, place: Place, template: Template, *, with_repairs: bool
    ) -> Iterator[Problem]:
        path, wanted = place.field, place.wanted
        own = self.own_names(node).get(path.partition("/")[0])
        scope = self.scope(node.id, in_body=place.in_body) if own is None else self._scope_without_run(own)
        for tree in template.trees:
            absent = list(self._absent(node, place, references(tree)))
            yield from absent
            shape, findings = check(tree, scope)
            for finding in findings:
                if not (absent and finding.code == "reference_missing"):
                    yield _problem(node.id, path, finding, template.text if with_repairs else "")
            if tree is template.single and mismatch(shape, wanted):
                text = f"This field needs {wanted.words()}; the expression gives {shape.words()}."
                severity: OneOf["error", "warning"] = "warning" if shape.is_sample else "error"
                yield Problem(node.id, path, "type_mismatch", text, severity=severity)
        if template.single is None and mismatch(of_kind("string"), wanted):
            yield _surrounded(node.id, path, template, wanted)

    def _absent(self, node: Node, place: Place, found: list[Reference]) -> Iterator[Problem]:
        """References to steps that do not exist, come later, or may not have run or failed."""
        told: set[tuple[str, ...]] = set()
        judges = {"steps": self._step_problem, "errors": self._failure_problem}
        for reference in found:
            name, judge = reference.path[:2], judges.get(reference.path[0])
            if judge is None or len(name) < 2 or name in told:
                continue
            if problem := judge(node, place, name[1], reference):
                told.add(name)
                yield problem

    def _step_problem(self, node: Node, place: Place, step: str, reference: Reference) -> Problem | None:
        structure, path = self.structure, place.field
        before = structure.inside(node.id) if place.in_body else self.before(node.id)
        if step not in structure.nodes:
            close = get_close_matches(step, list(before), n=1)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            return Problem(node.id, path, "reference_missing", f'There is no step "{step}".{hint}')
        if structure.is_trigger(step):
            text = f'"{step}" is the trigger; its data is read as trigger.…'
            return Problem(node.id, path, "reference_missing", text)
        if step not in before:
            text = (
                f'"{structure.title(step)}" does not come before this step, so its result is not there yet.'
            )
            holders = structure.containers_around(step)
            if holders and holders[0] not in (node.id, *structure.containers_around(node.id)):
                text = (
                    f'"{structure.title(step)}" stands in a loop. After it, read what the loop collected: '
                    f"steps.{holders[-1]}.…"
                )
            return Problem(node.id, path, "reference_missing", text)
        if not reference.guarded and _is_uncertain(structure, step, node.id, place):
            text = (
                f'"{structure.title(step)}" may not have run when this step does. '
                f"Say what to take then, for example with coalesce(…) or steps.?{step}."
            )
            return Problem(node.id, path, "may_be_absent", text)
        return None

    def _failure_problem(self, node: Node, place: Place, step: str, reference: Reference) -> Problem | None:
        """Of a failure that may not have happened; of one that is nowhere in scope the check of names tells."""
        before = self.structure.inside(node.id) if place.in_body else self.before(node.id)
        if reference.guarded or step not in before or not self._has_error_edge(step):
            return None
        if not _is_uncertain(with_failure_of(self.structure, step), FAILURE, node.id, place):
            return None
        text = (
            f'"{self.structure.title(step)}" may not have failed when this step runs. '
            f"Say what to take then, for example with coalesce(…) or errors.?{step}."
        )
        return Problem(node.id, place.field, "may_be_absent", text)

    def _has_error_edge(self, node_id: str) -> bool:
        return any(edge.port == "error" for edge in self.structure.outgoing[node_id])


def _is_uncertain(structure: Structure, step: str, node_id: str, place: Place) -> bool:
    """Whether a step that comes before may not have succeeded when a node's field is rendered."""
    if place.in_body and structure.nodes[step].parent == node_id:
        return may_be_absent_at_end(structure, step)
    return may_be_absent(structure, step, node_id)


def _problem(node_id: str | None, path: str, finding: Finding, text: str) -> Problem:
    return Problem(
        node_id, path, finding.code, finding.message, severity=finding.severity, fix=_fixed(finding, text)
    )


def _surrounded(node_id: str, path: str, template: Template, wanted: Shape) -> Problem:
    """Parts among other characters give a text; only what may read as a number is taken for one by some steps."""
    fixed = "".join(part for part in template.parts if isinstance(part, str))
    may_be_number = "number" in wanted.kinds and NUMERIC.issuperset(fixed)
    text = (
        f"This field needs {wanted.words()}; write it as one expression in {{{{ }}}}, and nothing around it."
    )
    return Problem(node_id, path, "type_mismatch", text, severity="warning" if may_be_number else "error")


def _fixed(finding: Finding, text: str) -> str | None:
    """The text with the repair at the one place that the finding is about."""
    name = finding.replaces.rpartition(".")[2]
    end = finding.position + len(name)
    start = end - len(finding.replaces)
    if not finding.repair or start < 0 or text[start:end] != finding.replaces:
        return None
    return text[:start] + finding.repair + text[end:]
