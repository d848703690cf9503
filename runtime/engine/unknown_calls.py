"""Calls that were sent, never answered, and given up: a retry makes them again, although they may have taken effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from runtime.engine import children
from runtime.engine.children import MAX_CHAIN
from runtime.engine.forking import is_settled
from runtime.engine.loading import frozen_graph
from runtime.engine.retries import last_try
from runtime.errors import OutcomeUnknown
from runtime.graph.paths import containers_around
from runtime.models import Event, Run, RunStatus, Step, StepStatus
from runtime.nodes.catalogue import EXECUTABLE_TYPES


@dataclass(frozen=True)
class UnknownCall:
    """path           in the run that made it: the one that is looked at, or one that a step of it started
    server, tool   what was called, where the step names it
    """

    run_id: str
    path: str
    node: str
    title: str
    server: str
    tool: str


def unknown_calls(run: Run) -> list[UnknownCall]:
    """Those that a retry of the run would make again, or that the run, itself a retry, has not come to yet."""
    found: list[tuple[str, UnknownCall]] = []
    # From the oldest on: what a retry has come to is its own affair, and no longer that of the run before.
    for one in reversed(_chain(run)):
        own = _present(one.pk, (path for path, _ in found)) if found else {}
        found = [(path, call) for path, call in found if path not in own]
        if one.has_ended:
            found += [(call.path, call) for call in _given_up(one)]
            found += [
                (child.parent_path, call)
                for child in children.unfinished(one)
                for call in unknown_calls(last_try(child))
            ]
    return [call for _, call in found]


def _chain(run: Run) -> list[Run]:
    """The run, the one that it is a retry of, and so on."""
    chain = [run] if run.status != RunStatus.SUCCEEDED else []
    while chain and len(chain) < MAX_CHAIN and chain[-1].retry_of:
        before = Run.objects.filter(pk=chain[-1].retry_of).exclude(status=RunStatus.SUCCEEDED).first()
        if before is None:
            break
        chain.append(before)
    return chain


def _given_up(run: Run) -> list[UnknownCall]:
    failed = Step.objects.filter(
        run_id=run.pk, status=StepStatus.FAILED, error__code=OutcomeUnknown.code
    ).order_by("position")
    open_steps = [step for step in failed.defer("input", "output") if not is_settled(step)]
    if not open_steps:
        return []
    # A container that has come to its end keeps its steps for the record, and is not entered again.
    around = {container for step in open_steps for container, _ in containers_around(step.path)}
    over = {path for path, step in _present(run.pk, around).items() if is_settled(step)}
    harmless = _known_not_to_have_happened(run.pk, [step.path for step in open_steps])
    return [
        _call(run, step)
        for step in open_steps
        if step.path not in harmless
        and over.isdisjoint(container for container, _ in containers_around(step.path))
    ]


def _present(run_id: UUID, paths: Iterable[str]) -> dict[str, Step]:
    rows = Step.objects.filter(run_id=run_id, path__in=list(paths))
    return {step.path: step for step in rows.defer("input", "output")}


def _known_not_to_have_happened(run_id: UUID, paths: list[str]) -> set[str]:
    """Where the last word of an operator was that the call did not happen, as may be said after the run's end."""
    words = Event.objects.filter(run_id=run_id, type="step.settled", path__in=paths).order_by("seq")
    last = {event.path: event.data.get("outcome") for event in words}
    return {path for path, outcome in last.items() if outcome == "did_not"}


def _call(run: Run, step: Step) -> UnknownCall:
    node = next((node for node in frozen_graph(run.graph_id).nodes if node.id == step.node), None)
    node_type = EXECUTABLE_TYPES.get(step.type)
    return UnknownCall(
        run_id=str(run.pk),
        path=step.path,
        node=step.node,
        title=(node.title if node else "") or (node_type.title if node_type else step.node),
        server=str(node.config.get("server", "")) if node else "",
        tool=str(node.config.get("tool", "")) if node else "",
    )
