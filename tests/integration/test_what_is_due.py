"""What hosts may take, and what the health page says of work that nobody takes."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from runtime.engine import clock, commands, loading, store, sweeping
from runtime.engine.claiming import Claim, claim_due, claim_free, claim_new
from runtime.engine.health import STALL_S, health
from runtime.engine.held_up import held_up_by
from runtime.engine.loading import frozen_graph, state_of_queued
from runtime.engine.new_runs import NewRun
from runtime.engine.state import RunState
from runtime.errors import LeaseLost
from runtime.gateways import Gateways
from runtime.graph.schema import parse_graph
from runtime.identifiers import new_id
from runtime.models import ENGINE_LEVEL, Graph, Host, Run, SettingsRevision
from runtime.nodes.catalogue import EXECUTABLE_TYPES
from tests.support.product import a_document, a_node

pytestmark = pytest.mark.django_db

NOWHERE: Any = Gateways.__new__(Gateways)
LONG_AGO = timedelta(seconds=2 * STALL_S)


def a_host() -> Host:
    now = clock.now()
    host = Host(
        id=new_id(), name="here", started_at=now, lease_until=now + timedelta(seconds=30), progress_at=now
    )
    host.save()
    return host


def a_new_run() -> Run:
    graph = parse_graph(a_document([a_node("start", "manual_trigger")], ""))
    return commands.new_run(
        workspace_id=new_id(),
        workflow_id=new_id(),
        graph_id=commands.freeze(graph),
        version=1,
        trigger="start",
        input={},
        started_by="test",
        facts={},
    )


def a_run(**columns: Any) -> Run:
    """One that is overdue, with these values besides."""
    run = commands.start_run(a_new_run())
    at = clock.now() - LONG_AGO
    Run.objects.filter(pk=run.pk).update(**{"due_at": at, "progress_at": at, "created_at": at, **columns})
    return Run.objects.get(pk=run.pk)


def taken(host: Host, run: Run) -> bool:
    """Whether the host gets it, by a sweep and by a hint alike."""
    is_seen = sweeping.look(host.pk).runs
    by_hint = claim_free(host.pk, NOWHERE, [run.pk])
    Run.objects.filter(pk=run.pk).update(host_id=None)
    claims = claim_due(host.pk, NOWHERE, limit=9, may_take_suspect=True, held={}, per_workspace=9)
    assert is_seen == bool(by_hint) == bool(claims)
    return is_seen


def test_what_a_hint_began_is_not_taken_for_what_a_sweep_of_the_same_host_took() -> None:
    """The sweep may have been under way for long, and know nothing of it; only one of the two may go on."""
    host, run = a_host(), a_run()
    begun = claim_new(NewRun(copy(run), 0), host.pk, NOWHERE)
    state = RunState(copy(run), frozen_graph(run.graph_id), EXECUTABLE_TYPES)
    state.begin(clock.now())
    [swept] = claim_due(host.pk, NOWHERE, limit=9, may_take_suspect=True, held={}, per_workspace=9)
    other = loading.load(swept)
    other.begin(clock.now())
    assert store.commit([store.checkpoint(swept, other, other.take_delta(), True)]) == [True]

    with pytest.raises(LeaseLost):
        store.commit([store.checkpoint(begun, state, state.take_delta(), True)])


def begun_by(host: Host, run: Run) -> tuple[Claim, RunState]:
    """A new run that is in no database yet."""
    claim = claim_new(NewRun(run, 0, is_inserted=False), host.pk, NOWHERE)
    frozen_graph(run.graph_id)
    state = state_of_queued(run, clock.now())
    assert state is not None
    state.begin(clock.now())
    return claim, state


def checkpoint(claim: Claim, state: RunState) -> list[bool]:
    return store.commit([store.checkpoint(claim, state, state.take_delta(), False)])


def test_a_run_is_inserted_by_its_first_write_or_in_the_usual_way_and_not_by_both() -> None:
    host, run = a_host(), a_new_run()
    assert checkpoint(*begun_by(host, copy(run))) == [True]
    with transaction.atomic(), pytest.raises(IntegrityError):
        commands.start_run(copy(run))

    other = a_new_run()
    late = begun_by(host, copy(other))
    commands.start_run(copy(other))
    with pytest.raises(LeaseLost):
        checkpoint(*late)
    assert Run.objects.get(pk=other.pk).host_id is None


def test_a_first_write_whose_answer_was_lost_is_known_for_its_own() -> None:
    host, run = a_host(), a_new_run()
    claim, state = begun_by(host, run)
    write = store.checkpoint(claim, state, state.take_delta(), False)
    assert store.commit([write]) == [True]
    claim.event_seq, claim.is_taken, claim.is_inserted = 0, False, False
    assert store.commit([write]) == [True]


def test_a_run_is_not_inserted_by_settings_of_before() -> None:
    host, run = a_host(), a_new_run()
    SettingsRevision.objects.create(workspace_id=run.workspace_id, revision=1)
    with pytest.raises(LeaseLost):
        checkpoint(*begun_by(host, run))
    assert not Run.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize("attention", ["quarantined", "budget_exceeded"])
def test_what_is_held_back_is_left_alone_until_somebody_resumes_or_cancels_it(attention: str) -> None:
    host, run = a_host(), a_run(status="needs_attention", attention=attention)
    assert not taken(host, run)
    assert health()["status"] == "ok"

    commands.cancel_run(run.pk, reason="Enough.")
    assert taken(host, run)


def test_an_answer_does_not_take_a_run_out_of_quarantine() -> None:
    host, run = a_host(), a_run(status="needs_attention", attention="quarantined", due_at=None)
    commands.send_signal("some-wait", run.pk, {"choice": "yes"}, delivery_id="one")
    assert not taken(host, run)

    commands.resume_run(run.pk)
    assert taken(host, run)


def test_work_that_nobody_takes_is_told_and_what_is_held_or_waits_its_turn_is_not() -> None:
    host, run = a_host(), a_run()
    told = health()
    assert (told["status"], told["reason"]) == ("degraded", "Work is due and no worker takes it.")

    # A long call: its run is held, and nothing else waits.
    Run.objects.filter(pk=run.pk).update(host_id=host.pk)
    assert health()["status"] == "ok"

    # Another waits for its turn while that one moves.
    a_run()
    Run.objects.filter(pk=run.pk).update(progress_at=clock.now())
    assert health()["status"] == "ok"

    Host.objects.all().delete()
    assert health()["reason"] == "No worker is running."


def test_a_run_of_a_later_release_is_left_to_its_hosts() -> None:
    host, run = a_host(), a_run()
    Graph.objects.filter(pk=run.graph_id).update(engine_level=ENGINE_LEVEL + 1)
    assert not taken(host, run)
    assert health()["status"] == "degraded"

    Graph.objects.filter(pk=run.graph_id).update(engine_level=ENGINE_LEVEL)
    assert taken(host, run)


def test_a_queued_run_says_what_it_waits_for(settings: Any) -> None:
    settings.WORKSPACE_RUNS = 2
    run = a_run()
    assert held_up_by(run) == "no_worker"

    host, other = a_host(), a_host()
    share = [a_run(host_id=host.pk, workspace_id=run.workspace_id) for _ in range(2)]
    assert held_up_by(run) == ""
    Run.objects.filter(pk=share[0].pk).update(host_id=other.pk)
    a_run(host_id=other.pk, workspace_id=run.workspace_id)
    a_run(host_id=host.pk)
    assert held_up_by(run) == ""
    a_run(host_id=host.pk, workspace_id=run.workspace_id)
    assert held_up_by(run) == "workspace"
    assert held_up_by(share[0]) == ""

    run.has_slot = False
    assert held_up_by(run) == "concurrency"
    run.status = "running"
    assert held_up_by(run) == ""
