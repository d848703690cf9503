"""`python -m tests.chaos.store_model EXAMPLES STEPS SEED [WITHOUT]`: two hosts and the world around them do what they may, in any order.

Everything is written by the engine's own store into the database that `DATABASE_URL` names. A host here is its row, its
claim and its memory of the run; expiring its lease leaves its memory, so that it goes on as a zombie.
WITHOUT names a condition of the store that is taken away first (see BUGS): then a rule must be found broken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")
django.setup()

from django.core.management import call_command
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, sampled_from

from runtime.engine import claiming, clock, commands, loading, rows, store, sweeping
from runtime.engine.claiming import Claim
from runtime.engine.new_runs import FENCE, NewRun
from runtime.engine.outcomes import outcome_lost
from runtime.engine.state import RunState
from runtime.engine.stored_values import COLUMNS, MAX_BYTES_IN_ROW, steps_of
from runtime.engine.wait_kinds import RETRY
from runtime.errors import LeaseLost, NodeFailure
from runtime.graph.schema import parse_graph
from runtime.identifiers import new_id
from runtime.models import ENDED, Attempt, Event, Host, Run, SettingsRevision, Signal, Step, Wait
from runtime.nodes.base import Leave, Park
from runtime.settings_revisions import SettingsChanged, revision_sql
from tests.support.folding import differences
from tests.support.product import a_document, a_node

TOOL = {"server": "s", "tool": "t", "arguments": {}}
GRAPH = parse_graph(
    a_document(
        [
            a_node("start", "manual_trigger"),
            a_node("again", "mcp_tool", TOOL),
            a_node("once", "mcp_tool", TOOL),
            a_node("nap", "wait", {"for_s": 60}),
            a_node("ask", "human_handoff", {"title": "?", "choices": [{"id": "yes", "title": "Yes"}]}),
            a_node("tell", "reply", {"text": "."}),
        ],
        "start>again, start>once, again>nap, once>ask, nap>tell, ask.yes>tell",
    )
)
SMALL, LARGE = ".", "x" * (MAX_BYTES_IN_ROW + 1)
HOSTS = (0, 1, 0)
"""The last actor is the first host once more: a sweep of it that was long under way knows nothing of what a hint began."""
ACTORS = range(len(HOSTS))
CALLS, IN_MEMORY = frozenset({"again", "once"}), frozenset({"nap", "ask", "tell"})


def nothing(*_: Any, **__: Any) -> None:
    """What the application would do."""


GATEWAYS: Any = SimpleNamespace(
    people=SimpleNamespace(open_handoff=nothing, close_handoff=nothing, close_handoffs=nothing),
    triggers=SimpleNamespace(run_failed=nothing),
)


@dataclass
class Actor:
    """A host, or one of its two hands: its id, and what it believes to hold."""

    id: UUID
    claim: Claim | None = None
    state: RunState | None = None

    def holds(self) -> tuple[Claim, RunState]:
        assert self.claim is not None
        assert self.state is not None
        return self.claim, self.state


def is_idle(actor: Actor) -> bool:
    return actor.claim is None


def is_busy(actor: Actor) -> bool:
    return actor.state is not None


def may_call(actor: Actor) -> bool:
    return actor.state is not None and not CALLS.isdisjoint(actor.state.ready)


def may_work(actor: Actor) -> bool:
    return actor.state is not None and not IN_MEMORY.isdisjoint(actor.state.ready)


def is_calling(actor: Actor) -> bool:
    return actor.state is not None and bool(actor.state.in_flight)


def is_through(actor: Actor) -> bool:
    return actor.state is not None and not actor.state.ready and not actor.state.in_flight


class StoreModel(RuleBasedStateMachine):
    """One run, two hosts, one of them with two hands, and everything that can happen to them."""

    @initialize(is_accepted=booleans())
    def begin(self, is_accepted: bool) -> None:
        """is_accepted: by the usual way; else the run is in no database, and a host may begin it."""
        ids = [new_id() for _ in set(HOSTS)]
        self.actors = [Actor(ids[host]) for host in HOSTS]
        for host_id in ids:
            self._register(host_id)
        # Those of earlier examples may still be due.
        Run.objects.all().delete()
        self.workspace_id = new_id()
        loading.frozen_graph(commands.freeze(GRAPH))
        self.run = commands.new_run(
            workspace_id=self.workspace_id,
            workflow_id=new_id(),
            graph_id=commands.freeze(GRAPH),
            version=None,
            trigger="start",
            input={},
            started_by="",
            facts={},
        )
        self.run_id, self.hints = self.run.pk, 0
        self.may_begin, self.is_accepted = not is_accepted, False
        if is_accepted:
            self.is_accepted_after_all()
        self.holder_of: dict[int, UUID] = {}
        self.ended = ""
        self.consumed: dict[UUID, UUID] = {}
        self.closed: dict[UUID, str] = {}
        self.intents_at_cancel: int | None = None

    # --- hosts -------------------------------------------------------------------------------------

    @precondition(lambda self: self._those(is_idle) and self.may_begin)
    @rule(number=sampled_from(ACTORS))
    def begins_before_it_is_inserted(self, number: int) -> None:
        actor = self._one(number, is_idle)
        self.may_begin = False
        new = NewRun(copy(self.run), 0, is_inserted=False)
        actor.claim = claiming.claim_new(new, actor.id, GATEWAYS)
        actor.state = loading.state_of_queued(new.run, clock.now())
        assert actor.state is not None
        actor.state.begin(clock.now())

    @precondition(lambda self: self._those(is_idle))
    @precondition(lambda self: self.hints)
    @rule(number=sampled_from(ACTORS))
    def begins_on_the_word_of_a_hint(self, number: int) -> None:
        """However old the hint is: the first write takes the run, or finds that something happened to it."""
        actor = self._one(number, is_idle)
        self.hints -= 1
        if any(other.id == actor.id and other.claim for other in self.actors):
            # A host looks at what it holds before it begins anything.
            return
        new = NewRun(copy(self.accepted), 0)
        actor.claim = claiming.claim_new(new, actor.id, GATEWAYS)
        actor.state = loading.state_of_new(new.run)
        assert actor.state is not None
        actor.state.begin(clock.now())

    @precondition(lambda self: self._those(is_idle) and self._is_there())
    @rule(number=sampled_from(ACTORS), is_hinted=booleans())
    def claims(self, number: int, is_hinted: bool) -> None:
        actor = self._one(number, is_idle)
        held = Run.objects.get(pk=self.run_id)
        is_living = Host.objects.filter(pk=held.host_id, lease_until__gt=clock.now()).exists()
        if is_hinted:
            taken = loading.claim_free(actor.id, GATEWAYS, [self.run_id])
        else:
            is_seen = sweeping.look(actor.id).runs
            claims = claiming.claim_due(
                actor.id, GATEWAYS, limit=1, may_take_suspect=True, held={}, per_workspace=9
            )
            # One that was accepted a moment ago is left to whoever was told of it.
            assert is_seen or not claims or held.fence == 0, "a sweep would not have seen it"
            taken = [(claim, None) for claim in claims]
        if not taken:
            return
        assert not is_living, "claimed from a living host"
        actor.claim, state = taken[0]
        actor.state = state or loading.load(actor.claim)
        assert actor.claim.fence not in self.holder_of, "a fence was given twice"
        self.holder_of[actor.claim.fence] = actor.id
        actor.state.begin(clock.now())
        self._recover(actor.state)

    @rule(number=sampled_from(ACTORS))
    def renews(self, number: int) -> None:
        at = clock.now()
        living = Host.objects.filter(pk=self.actors[number].id, lease_until__gt=at)
        living.update(lease_until=at + timedelta(seconds=60))

    @rule(number=sampled_from(ACTORS))
    def expires(self, number: int) -> None:
        """It stood still for too long, and does not know it."""
        Host.objects.filter(pk=self.actors[number].id).update(lease_until=clock.now() - timedelta(seconds=1))

    @precondition(lambda self: self._those(is_idle) and self._those(is_busy) and self._is_there())
    @rule(number=sampled_from(ACTORS))
    def is_overtaken(self, number: int) -> None:
        """It stood still, another took its run, and it goes on with what it was about to do."""
        self.expires(self.actors.index(self._one(number, is_busy)))
        self.claims(number, False)

    @rule(number=sampled_from(ACTORS))
    def crashes(self, number: int) -> None:
        self.expires(number)
        dead, new = self.actors[number].id, new_id()
        self.actors = [Actor(new) if actor.id == dead else actor for actor in self.actors]
        self._register(new)

    @precondition(lambda self: self._those(may_call))
    @rule(number=sampled_from(ACTORS), is_large=booleans(), is_hidden=booleans())
    def intends(self, number: int, is_large: bool, is_hidden: bool) -> None:
        actor = self._one(number, may_call)
        _, state = actor.holds()
        path = next(path for path in state.ready if path in CALLS)
        effect = "once" if path == "once" else "idempotent"
        given = {"text": LARGE if is_large else SMALL}
        attempt = state.start_attempt(path, clock.now(), effect=effect, key=path, inputs=given)
        delta = state.take_delta()
        known = actor.holds()[0].settings
        try:
            if self._write(actor, store.checkpoint(*actor.holds(), delta, True), is_hidden=is_hidden):
                assert known == self._settings(), "an intent went by settings of before"
        except store.CancelRequested as request:
            state.give_back(delta)
            state.withdraw(attempt, clock.now())
            state.cancel(clock.now(), request.reason)
        except SettingsChanged as change:
            state.give_back(delta)
            state.take_back(attempt)
            actor.holds()[0].settings = change.revision

    @precondition(lambda self: self._those(is_calling))
    @rule(number=sampled_from(ACTORS), succeeds=booleans(), is_large=booleans(), is_hidden=booleans())
    def hears_back(self, number: int, succeeds: bool, is_large: bool, is_hidden: bool) -> None:
        """A call ends, one way or the other."""
        actor = self._one(number, is_calling)
        _, state = actor.holds()
        path, at = min(state.in_flight), clock.now()
        if succeeds:
            state.leave(path, Leave({"text": LARGE if is_large else SMALL}), at)
        else:
            state.fail(path, NodeFailure("It failed.", code="mcp_tool_error"), at)
        delta = state.take_delta()
        self._write(actor, store.checkpoint(*actor.holds(), delta, False), is_hidden=is_hidden)

    @precondition(lambda self: self._those(may_work))
    @rule(number=sampled_from(ACTORS))
    def works_in_memory(self, number: int) -> None:
        """Waits open, replies are given; nothing is written yet."""
        _, state = self._one(number, may_work).holds()
        path = next(path for path in state.ready if path in IN_MEMORY)
        at = clock.now()
        state.start_in_memory(path, at)
        if path == "tell":
            state.leave(path, Leave({}, reply={"text": "."}, replies=True), at)
            return
        due_at = at + timedelta(hours=1) if path == "nap" else None
        state.park(path, Park("time" if path == "nap" else "handoff", due_at), at, inputs={})

    @precondition(lambda self: self._those(is_busy) and self._is_there())
    @rule(number=sampled_from(ACTORS))
    def looks_for_news(self, number: int) -> None:
        claim, state = self._one(number, is_busy).holds()
        waits = list(state.waits.values())
        news = store.read_news(self.run_id, waits)
        claim.wakes = news.wakes
        if news.cancel_requested:
            state.cancel(news.at, "The run was cancelled.")
            for path in sorted(state.in_flight):
                state.interrupt(path, news.at)
            return
        for wait, signal in news.signals:
            if wait.kind == "handoff":
                state.wake(wait.path, news.at, "signal", signal.pk)
                state.leave(wait.path, Leave({}, ports=("yes",)), news.at)
        for wait in waits:
            if wait.due_at is not None and wait.due_at <= news.at and wait.path in state.waits:
                state.wake(wait.path, news.at, "due")
                if wait.kind == RETRY:
                    state.make_ready(wait.path)
                else:
                    state.leave(wait.path, Leave({}), news.at)

    @precondition(lambda self: self._those(is_through))
    @rule(number=sampled_from(ACTORS), is_hidden=booleans())
    def gives_back_or_ends(self, number: int, is_hidden: bool) -> None:
        actor = self._one(number, is_through)
        _, state = actor.holds()
        if state.is_over:
            ending = state.take_end(clock.now())
            if self._write(actor, store.end(*actor.holds(), ending), is_hidden=is_hidden):
                actor.claim = actor.state = None
            return
        delta = state.take_delta()
        released = self._write(actor, store.release(*actor.holds(), delta, clock.now()), is_hidden=is_hidden)
        if released:
            actor.claim = actor.state = None
        elif actor.state is not None:
            state.give_back(delta)

    # --- the world ---------------------------------------------------------------------------------

    @precondition(lambda self: not self.is_accepted)
    @rule()
    def is_accepted_after_all(self) -> None:
        """In the usual way: nobody may know of it, or the host that is about to insert it was not waited for."""
        self.is_accepted = True
        try:
            accepted = commands.start_run(copy(self.run))
        except IntegrityError:
            return
        self.accepted, self.hints = copy(accepted), len(HOSTS)

    @rule()
    def time_passes(self) -> None:
        """Everything that was due at some time is due now."""
        past = clock.now() - timedelta(seconds=1)
        waits = Wait.objects.filter(run_id=self.run_id, closed_at=None, due_at__isnull=False)
        if waits.update(due_at=past):
            Run.objects.filter(pk=self.run_id, host_id=None, due_at__isnull=False).update(due_at=past)
        for actor in self.actors:
            for wait in actor.state.waits.values() if actor.state else ():
                wait.due_at = past if wait.due_at else None

    @rule(delivery=sampled_from(["first", "second"]))
    def somebody_answers(self, delivery: str) -> None:
        wait = Wait.objects.filter(run_id=self.run_id, kind="handoff").first()
        if wait is not None:
            commands.send_signal(wait.key, self.run_id, {"choice": "yes"}, delivery_id=delivery)

    @rule()
    def somebody_changes_a_setting(self) -> None:
        SettingsRevision.objects.update_or_create(
            workspace_id=self.workspace_id, defaults={"revision": self._settings() + 1}
        )

    @precondition(lambda self: self.intents_at_cancel is None)
    @rule()
    def somebody_cancels(self) -> None:
        if commands.cancel_run(self.run_id, reason="Enough."):
            self.intents_at_cancel = self._intents()

    # --- what always holds ---------------------------------------------------------------------------

    @invariant()
    def an_end_is_for_ever(self) -> None:
        run = Run.objects.filter(pk=self.run_id).first()
        if run is None:
            return
        assert not self.ended or run.status == self.ended, f"{self.ended} became {run.status}"
        self.ended = str(run.status) if run.status in ENDED else ""

    @invariant()
    def a_step_has_one_outcome(self) -> None:
        paths = Event.objects.filter(run_id=self.run_id, type="step.ended").values_list("path", flat=True)
        assert len(paths) == len(set(paths)), "a step ended twice"
        assert Attempt.objects.filter(run_id=self.run_id, path="once").count() <= 1, "repeated"

    @invariant()
    def values_are_read_as_they_were_given(self) -> None:
        calls = [step for step in steps_of(self.run_id) if step.path in CALLS]
        found = [getattr(step, column) for step in calls for column in COLUMNS]
        assert all(value is None or value["text"] in (SMALL, LARGE) for value in found)
        assert all(step.output for step in calls if step.status == "succeeded"), "an outcome was lost"
        rows_of_calls = Step.objects.filter(run_id=self.run_id, path__in=CALLS)
        for row in rows_of_calls.values(*COLUMNS, "stored"):
            assert (row["stored"] or {}).keys().isdisjoint(name for name in COLUMNS if row[name] is not None)
            assert LARGE not in [(row[name] or {}).get("text") for name in COLUMNS], "a row is large"

    @invariant()
    def what_is_consumed_is_consumed_once(self) -> None:
        for signal in Signal.objects.filter(consumed_by__isnull=False, key__contains=self.run_id.hex):
            assert self.consumed.setdefault(signal.pk, signal.consumed_by) == signal.consumed_by
        assert len(set(self.consumed.values())) == len(self.consumed), "one wait took two signals"
        for wait in Wait.objects.filter(run_id=self.run_id, closed_at__isnull=False):
            assert self.closed.setdefault(wait.pk, wait.outcome) == wait.outcome

    @invariant()
    def no_intent_follows_a_cancel(self) -> None:
        assert self.intents_at_cancel in (None, self._intents())

    @invariant()
    def the_rows_are_what_the_events_tell(self) -> None:
        run = Run.objects.filter(pk=self.run_id, host_id=None).values("id", "status").first()
        if run is not None:
            steps = Step.objects.filter(run_id=self.run_id).values("path", "status")
            events = Event.objects.filter(run_id=self.run_id).order_by("seq")
            found = differences(run, steps, events.values("seq", "type", "path", "data"))
            assert not found, found

    # --- inside ----------------------------------------------------------------------------------------

    def _those(self, may: Callable[[Actor], bool]) -> list[Actor]:
        return [actor for actor in self.actors if may(actor)]

    def _one(self, number: int, may: Callable[[Actor], bool]) -> Actor:
        """One that may, so that no step of the exploration goes by without anything having happened."""
        those = self._those(may)
        return those[number % len(those)]

    def _register(self, host_id: UUID) -> None:
        at = clock.now()
        Host.objects.create(
            pk=host_id, name="model", started_at=at, lease_until=at + timedelta(seconds=60), progress_at=at
        )

    def _recover(self, state: RunState) -> None:
        for path, attempt in list(state.open_attempts.items()):
            at = clock.now()
            if attempt.effect == "once":
                state.lose_outcome(path, outcome_lost(path, None), at)
            elif state.goes_on(path):
                state.retry(path, NodeFailure("It died.", code="worker_lost", retryable=True), at, at)
            else:
                state.fail(path, NodeFailure("It died.", code="worker_lost"), at)

    def _write(self, actor: Actor, write: store.Write, *, is_hidden: bool = False) -> bool:
        """Whether it was written; a host that learns that it lost the run forgets it."""
        assert actor.claim is not None
        takes, inserts, was_there = not actor.claim.is_taken, not actor.claim.is_inserted, self._is_there()
        fence = Run.objects.filter(pk=self.run_id).values_list("fence", flat=True).first() or 0
        owner = fence + takes * FENCE
        number = actor.claim.event_seq
        try:
            written = self._commit(write)
            if is_hidden and written:
                # An error hid that it was committed, and it is tried again as if it had not been.
                actor.claim.event_seq = number
                actor.claim.is_taken, actor.claim.is_inserted = not takes, not inserts
                written = self._commit(write)
        except LeaseLost:
            actor.claim = actor.state = None
            return False
        assert not written or actor.claim.fence == owner, "a stale host wrote"
        assert not (written and inserts and was_there), "a run was inserted twice"
        assert not (written and inserts) or actor.claim.settings == self._settings(), (
            "it was accepted by settings of before"
        )
        if written and takes:
            assert owner not in self.holder_of, "a fence was given twice"
            self.holder_of[owner] = actor.id
        return written

    def _commit(self, write: store.Write) -> bool:
        """Where it may, together with another one; what the group refuses is written alone, as the writer does it."""
        if not write.stands_alone:
            written, twice = store.commit([write, write])
            assert not twice, "the same was written twice"
            if written:
                return True
        return store.commit([write])[0]

    def _is_there(self) -> bool:
        return Run.objects.filter(pk=self.run_id).exists()

    def _settings(self) -> int:
        found = SettingsRevision.objects.filter(workspace_id=self.workspace_id)
        return found.values_list("revision", flat=True).first() or 0

    def _intents(self) -> int:
        return Attempt.objects.filter(run_id=self.run_id).count()


BUGS = {
    "owner": "AND (w.takes OR r.host_id = w.host_id AND r.fence = w.fence)",
    "untouched": f"AND (NOT w.takes OR {rows._untouched('r.', 'w.fence')})",
    "sequence": "AND r.event_seq = w.seq_before",
    "cancel": "AND (NOT w.unless_cancelled OR r.cancel_requested_at IS NULL)",
    "settings": f"AND (w.settings IS NULL OR w.settings = {revision_sql('r.workspace_id')})",
    "news": "AND (w.wakes IS NULL OR r.wakes = w.wakes)",
}
"""Conditions that a careless change would leave out of the statement that writes a run to PostgreSQL."""


def leave_out(name: str) -> None:
    """Take a condition out of the statement of every change; fails if it is not there to be taken out."""
    whole = rows._change_run

    def lacking() -> str:
        text = whole()
        assert BUGS[name] in text, f"{name} is no condition of {text}"
        return text.replace(BUGS[name], "")

    lacking()
    rows._change_run = lacking


def main() -> None:
    examples, steps, chosen = (int(value) for value in sys.argv[1:4])
    call_command("migrate", verbosity=0)
    for name in sys.argv[4:]:
        leave_out(name)
    options = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        # A bug that was seeded need not be told in the fewest words.
        phases=[Phase.generate] if sys.argv[4:] else list(Phase),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(chosen)(StoreModel), settings=options)
    print(f"{examples} x {steps} steps: 0 violations")


if __name__ == "__main__":
    main()
