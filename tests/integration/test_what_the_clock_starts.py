"""Schedules and failure triggers as rows: what publish writes, which slots start a run, and which failures do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from builder.accounts.access import Member, member_of
from builder.accounts.actions import add_member, change_workspace
from builder.accounts.command_line import CommandLine
from builder.accounts.models import Membership, Workspace
from builder.http.errors import Invalid
from builder.triggers.gateway import LiveTriggers
from builder.triggers.starting import start_by_person
from builder.workflows import actions
from builder.workflows.models import Workflow
from runtime.engine import clock, process, schedules
from runtime.gateways import FailedRun, Gateways
from runtime.identifiers import new_id
from runtime.models import Host, Run, Schedule, ScheduledRun
from runtime.timetables import Timetable
from tests.support.product import a_document, a_node

pytestmark = pytest.mark.django_db

HOURLY = {"cron": "0 * * * *"}


@pytest.fixture
def admin() -> Member:
    workspace = Workspace.objects.create(slug="shop", name="Shop", timezone="Europe/Berlin")
    add_member(CommandLine(), workspace, email="admin@shop.example", role="admin", password="a long password")
    return member_of(Membership.objects.get().user, workspace.pk)


@pytest.fixture
def gateways() -> Gateways:
    return process.gateways()


def a_schedule(config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    start = a_node("start", "schedule_trigger", config or HOURLY, **more)
    return a_document(
        [start, a_node("manual", "manual_trigger"), a_node("end", "reply", {"data": "{{ run.id }}"})],
        "start>end, manual>end",
    )


def publish(by: Member, graph: dict[str, Any], workflow: Workflow | None = None) -> Workflow:
    workflow = workflow or actions.create_workflow(by, name="Nightly", graph=graph)
    workflow.refresh_from_db()
    actions.save_draft(by, workflow, graph=graph, revision=workflow.revision)
    actions.publish_workflow(by, workflow)
    workflow.refresh_from_db()
    return workflow


def the_schedule() -> Schedule:
    return Schedule.objects.get()


def let_pass(span: timedelta) -> datetime:
    """As if the schedule had been due this long ago; returns that moment."""
    at = clock.now() - span
    Schedule.objects.update(slot=at, due_at=at)
    return at


def inputs() -> list[Any]:
    return list(Run.objects.order_by("created_at", "pk").values_list("input", flat=True))


# --- what publish writes -------------------------------------------------------------------------------------


def test_publishing_writes_the_next_slot_in_the_zone_of_the_workspace(admin: Member) -> None:
    workflow = publish(admin, a_schedule({"cron": "0 9 * * *"}))
    row = the_schedule()

    assert (row.workflow_id, row.node, row.missed, row.is_paused) == (workflow.pk, "start", "run_once", False)
    assert row.spec == {"zone": "Europe/Berlin", "cron": "0 9 * * *"}
    assert row.slot is not None
    assert row.slot == row.due_at
    assert timedelta(0) < row.slot - clock.now() <= timedelta(days=1, hours=1)


def test_a_workflow_may_have_a_zone_of_its_own(admin: Member) -> None:
    graph = a_schedule() | {"settings": {"timezone": "Asia/Tokyo"}}
    publish(admin, graph)
    assert the_schedule().spec["zone"] == "Asia/Tokyo"


def test_a_publish_that_leaves_the_times_as_they_are_keeps_what_is_due(admin: Member) -> None:
    workflow = publish(admin, a_schedule({"every_s": 3600}))
    before = the_schedule()
    at = let_pass(timedelta(minutes=3))

    publish(admin, a_schedule({"every_s": 3600, "missed": "skip"}), workflow)

    row = the_schedule()
    assert (row.pk, row.spec, row.slot, row.missed) == (before.pk, before.spec, at, "skip")


def test_other_times_are_counted_from_the_publish(admin: Member) -> None:
    workflow = publish(admin, a_schedule({"every_s": 3600}))
    let_pass(timedelta(hours=5))

    publish(admin, a_schedule({"every_s": 60}), workflow)

    slot = the_schedule().slot
    assert slot is not None
    assert timedelta(seconds=50) < slot - clock.now() <= timedelta(seconds=60)


@pytest.mark.parametrize("settings", [None, {"disabled": True}])
def test_a_trigger_that_is_gone_or_switched_off_leaves_no_schedule(
    admin: Member, settings: dict[str, bool] | None
) -> None:
    workflow = publish(admin, a_schedule())
    graph = a_schedule()
    if settings:
        graph["nodes"][0]["settings"] = settings
    else:
        del graph["nodes"][0], graph["edges"][0]

    publish(admin, graph, workflow)

    assert not Schedule.objects.exists()


def test_schedules_without_a_zone_follow_that_of_the_workspace(admin: Member) -> None:
    publish(admin, a_schedule({"cron": "0 9 * * *"}))

    change_workspace(admin, admin.workspace, name="Shop", timezone="America/New_York")

    row = the_schedule()
    assert row.spec["zone"] == "America/New_York"
    assert row.slot is not None
    assert row.slot.hour in {13, 14}


# --- what becomes of slots -----------------------------------------------------------------------------------


def test_a_due_slot_starts_one_run_and_moves_on(admin: Member, gateways: Gateways) -> None:
    workflow = publish(admin, a_schedule())
    due = let_pass(timedelta(seconds=2))

    schedules.fire_due(gateways)
    schedules.fire_due(gateways)

    run = Run.objects.get()
    assert (run.workflow_id, run.version, run.trigger, run.started_by) == (
        workflow.pk,
        1,
        "start",
        "schedule",
    )
    assert run.facts["workflow"]["slug"] == "nightly"
    assert run.due_at is not None
    given = datetime.fromisoformat(run.input["due_at"])
    assert (given, given.utcoffset()) == (due, timedelta(hours=1))
    assert run.input["previous_at"] is None
    row = the_schedule()
    assert row.slot is not None
    assert row.slot > clock.now()
    assert row.previous_at == due


def test_a_run_is_told_when_the_one_before_was_due(admin: Member, gateways: Gateways) -> None:
    publish(admin, a_schedule())
    let_pass(timedelta(seconds=30))
    schedules.fire_due(gateways)
    let_pass(timedelta(seconds=2))
    schedules.fire_due(gateways)

    first, second = inputs()
    assert second["previous_at"] == first["due_at"]


@pytest.mark.parametrize(("missed", "runs"), [("run_once", 1), ("skip", 0)])
def test_of_slots_that_were_missed_the_newest_runs_once_or_none_does(
    admin: Member, gateways: Gateways, missed: str, runs: int
) -> None:
    now = clock.now()
    last = now - timedelta(hours=1)
    cron = f"{last.minute} {last.hour} * * *"
    publish(admin, a_schedule({"cron": cron, "timezone": "UTC", "missed": missed}))
    let_pass(timedelta(days=5, hours=3))

    schedules.fire_due(gateways)

    due = last.replace(second=0, microsecond=0)
    assert [datetime.fromisoformat(given["due_at"]) for given in inputs()] == [due] * runs
    slot = the_schedule().slot
    assert slot is not None
    assert slot > now


def test_a_slot_that_is_a_little_late_is_not_missed(admin: Member, gateways: Gateways) -> None:
    publish(admin, a_schedule({"cron": "0 0 1 1 *", "missed": "skip"}))
    let_pass(timedelta(seconds=40))
    schedules.fire_due(gateways)
    assert Run.objects.count() == 1


def a_host(began_at: datetime) -> None:
    """One that lives, and has been at work since then."""
    at = clock.now()
    lease_until = at + timedelta(seconds=30)
    Host.objects.create(
        id=new_id(), name="here", started_at=began_at, lease_until=lease_until, progress_at=at
    )


@pytest.mark.parametrize("missed", ["run_once", "skip"])
def test_slots_that_are_late_because_there_was_much_to_do_get_a_run_each(
    admin: Member, gateways: Gateways, missed: str
) -> None:
    a_host(clock.now() - timedelta(hours=1))
    publish(admin, a_schedule({"every_s": 10, "missed": missed}))
    first = Timetable.from_spec(the_schedule().spec).next_after(clock.now() - timedelta(minutes=3))
    Schedule.objects.update(slot=first, due_at=first)

    while Schedule.objects.filter(due_at__lte=clock.now()).exists():
        schedules.fire_due(gateways)

    found = [datetime.fromisoformat(given["due_at"]) for given in inputs()]
    assert found[0] == first
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(seconds=10)}
    assert clock.now() - found[-1] < timedelta(seconds=20)


@pytest.mark.parametrize(
    ("began_after", "missed", "runs"),
    [
        (timedelta(seconds=50), "skip", 1),
        (timedelta(seconds=70), "skip", 0),
        (timedelta(seconds=70), "run_once", 1),
    ],
)
def test_a_slot_is_missed_when_no_host_came_within_a_minute_of_it(
    admin: Member, gateways: Gateways, began_after: timedelta, missed: str, runs: int
) -> None:
    publish(admin, a_schedule({"cron": "0 0 1 1 *", "missed": missed}))
    slot = let_pass(timedelta(minutes=5))
    a_host(slot + began_after)

    schedules.fire_due(gateways)

    assert Run.objects.count() == runs


def test_a_slot_that_passed_while_the_workflow_was_paused_is_missed_however_long_hosts_are_at_work(
    admin: Member, gateways: Gateways
) -> None:
    a_host(clock.now() - timedelta(days=1))
    workflow = publish(admin, a_schedule({"cron": "0 0 1 1 *", "missed": "skip"}))
    actions.pause_workflow(admin, workflow)
    let_pass(timedelta(hours=3))
    actions.resume_workflow(admin, workflow)

    schedules.fire_due(gateways)

    assert Run.objects.count() == 0


def test_starting_many_asks_the_database_little_for_each(
    admin: Member, gateways: Gateways, django_assert_max_num_queries: Any
) -> None:
    names = [f"start_{number}" for number in range(schedules.PER_BATCH)]
    starts = [a_node(name, "schedule_trigger", HOURLY) for name in names]
    end = a_node("end", "reply", {"data": "{{ run.id }}"})
    publish(admin, a_document([*starts, end], ", ".join(f"{name}>end" for name in names)))
    let_pass(timedelta(seconds=2))

    with django_assert_max_num_queries(12 + 7 * schedules.PER_BATCH):
        schedules.fire_due(gateways)

    assert Run.objects.count() == schedules.PER_BATCH


def test_a_slot_never_gets_a_second_run(admin: Member, gateways: Gateways) -> None:
    publish(admin, a_schedule())
    due = let_pass(timedelta(seconds=2))
    schedules.fire_due(gateways)

    Schedule.objects.update(slot=due, due_at=due)
    schedules.fire_due(gateways)

    assert Run.objects.count() == 1
    kept = ScheduledRun.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduledRun.objects.create(schedule_id=kept.schedule_id, slot=kept.slot, run_id=kept.run_id)


def test_slots_are_forgotten_after_thirty_days(admin: Member, gateways: Gateways) -> None:
    publish(admin, a_schedule())
    row, old = the_schedule(), clock.now() - timedelta(days=31)
    ScheduledRun.objects.create(schedule_id=row.pk, slot=old, run_id=row.pk)
    let_pass(timedelta(seconds=2))

    schedules.fire_due(gateways)

    assert ScheduledRun.objects.get().slot > old


@pytest.mark.parametrize(("missed", "runs"), [("run_once", 1), ("skip", 0)])
def test_a_paused_workflow_starts_nothing_until_it_is_resumed(
    admin: Member, gateways: Gateways, missed: str, runs: int
) -> None:
    workflow = publish(admin, a_schedule({"cron": "0 0 1 1 *", "missed": missed}))
    actions.pause_workflow(admin, workflow)
    let_pass(timedelta(hours=3))

    schedules.fire_due(gateways)
    assert Run.objects.count() == 0

    actions.resume_workflow(admin, workflow)
    schedules.fire_due(gateways)
    schedules.fire_due(gateways)
    assert Run.objects.count() == runs


def test_a_publish_does_not_wake_a_paused_workflow(admin: Member, gateways: Gateways) -> None:
    workflow = publish(admin, a_schedule())
    actions.pause_workflow(admin, workflow)
    publish(admin, a_schedule({"every_s": 60}), workflow)
    let_pass(timedelta(seconds=2))
    schedules.fire_due(gateways)
    assert Run.objects.count() == 0


def test_an_archived_workflow_starts_nothing(admin: Member, gateways: Gateways) -> None:
    workflow = publish(admin, a_schedule())
    actions.archive_workflow(admin, workflow)
    let_pass(timedelta(seconds=2))
    schedules.fire_due(gateways)
    assert Run.objects.count() == 0


def test_a_schedule_that_cannot_be_read_holds_up_no_other(
    admin: Member, gateways: Gateways, caplog: pytest.LogCaptureFixture
) -> None:
    publish(admin, a_schedule())
    broken = publish(admin, a_schedule({"cron": "0 9 * * *"}))
    due = let_pass(timedelta(seconds=2))
    Schedule.objects.filter(workflow_id=broken.pk).update(
        spec={"zone": "Gone/Away", "cron": "0 9 * * *"}, due_at=due - timedelta(seconds=5)
    )

    schedules.fire_due(gateways)

    assert Run.objects.count() == 1
    row = Schedule.objects.get(workflow_id=broken.pk)
    assert row.slot == due
    assert row.due_at is not None
    assert row.due_at > clock.now()
    assert "a schedule could not start its run" in caplog.text


# --- failures ------------------------------------------------------------------------------------------------

ERROR = {
    "code": "mcp_timeout",
    "message": "Too late.",
    "retryable": True,
    "details": {},
    "node": "look",
    "path": "look",
}


def a_plain(name: str, by: Member) -> Workflow:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "x"})], "start>end"
    )
    workflow = actions.create_workflow(by, name=name, graph=graph)
    return publish(by, graph, workflow)


def a_watcher(by: Member, name: str, *slugs: str) -> Workflow:
    graph = a_document(
        [
            a_node("failed", "failure_trigger", {"workflows": list(slugs)}),
            a_node("end", "reply", {"text": "{{ trigger.workflow.slug }}: {{ trigger.error.code }}"}),
        ],
        "failed>end",
    )
    return publish(by, graph, actions.create_workflow(by, name=name, graph=graph))


def an_end(workflow: Workflow, **changes: Any) -> FailedRun:
    run = {
        "id": UUID(int=7),
        "workspace_id": workflow.workspace_id,
        "workflow_id": workflow.pk,
        "version": 1,
        "trigger": "start",
        "error": ERROR,
    }
    return FailedRun(**{**run, **changes})


def started() -> list[tuple[UUID, str]]:
    return list(Run.objects.values_list("workflow_id", "trigger"))


def test_a_failure_starts_whoever_waits_for_it(admin: Member) -> None:
    a_plain("Something else", admin)
    work, every, one, other = (
        a_plain("Work", admin),
        a_watcher(admin, "Every"),
        a_watcher(admin, "One", "work"),
        a_watcher(admin, "Other", "something-else"),
    )

    LiveTriggers().run_failed(an_end(work))

    assert sorted(started()) == sorted([(every.pk, "failed"), (one.pk, "failed")])
    assert other.pk not in {workflow for workflow, _ in started()}
    run = Run.objects.get(workflow_id=one.pk)
    assert (run.version, run.started_by) == (1, "failure")
    assert run.input == {
        "workflow": {"id": str(work.pk), "slug": "work", "name": "Work"},
        "run_id": str(UUID(int=7)),
        "node": "look",
        "error": ERROR,
    }


def test_tests_of_drafts_start_nothing(admin: Member) -> None:
    work = a_plain("Work", admin)
    a_watcher(admin, "Every")
    LiveTriggers().run_failed(an_end(work, version=None))
    assert started() == []


def test_what_the_test_of_a_draft_starts_starts_nothing_either(admin: Member) -> None:
    draft, work = a_plain("Draft", admin), a_plain("Work", admin)
    test = start_by_person(admin, draft, input={}, trigger=None, draft=True)
    a_watcher(admin, "Every")
    LiveTriggers().run_failed(an_end(work, parent_id=test.pk))
    assert Run.objects.get() == test


def test_a_failure_of_a_failure_workflow_starts_nothing(admin: Member) -> None:
    first, second = a_watcher(admin, "First"), a_watcher(admin, "Second", "first")
    for workflow in (first, second):
        LiveTriggers().run_failed(an_end(workflow, trigger="failed"))
    assert started() == []


def test_a_workflow_never_waits_for_itself(admin: Member) -> None:
    watcher = a_watcher(admin, "Watcher", "watcher")
    LiveTriggers().run_failed(an_end(watcher, trigger="by_hand"))
    assert started() == []


def test_failures_of_another_workspace_start_nothing(admin: Member) -> None:
    a_watcher(admin, "Every")
    elsewhere = Workspace.objects.create(slug="elsewhere", name="Elsewhere")
    work = Workflow.objects.create(workspace=elsewhere, slug="work", name="Work")
    LiveTriggers().run_failed(an_end(work))
    assert started() == []


def test_a_watcher_that_is_paused_archived_or_without_its_trigger_starts_nothing(admin: Member) -> None:
    work = a_plain("Work", admin)
    actions.pause_workflow(admin, a_watcher(admin, "Paused"))
    actions.archive_workflow(admin, a_watcher(admin, "Archived"))
    changed = a_watcher(admin, "Changed")
    publish(admin, a_schedule(), changed)

    LiveTriggers().run_failed(an_end(work))
    assert started() == []

    # A run of the version before, still going on, is known for what started it.
    a_watcher(admin, "Every")
    LiveTriggers().run_failed(an_end(changed, trigger="failed"))
    assert started() == []


def test_an_error_as_large_as_a_value_may_be_is_told_without_its_details(admin: Member) -> None:
    work = a_plain("Work", admin)
    a_watcher(admin, "Every")
    large = ERROR | {"details": {"said": "x" * (8 * 1024 * 1024 - 100)}}

    LiveTriggers().run_failed(an_end(work, error=large))

    assert Run.objects.get().input["error"] == ERROR


# --- on pages and in the API -----------------------------------------------------------------------------------


def test_the_list_offers_pause_and_resume_to_those_who_may(admin: Member, client: Client) -> None:
    workflow = publish(admin, a_schedule())
    client.force_login(admin.user)
    assert f"Pause {workflow.name}" in client.get("/workflows").content.decode()

    paused = client.post(f"/workflows/{workflow.pk}/pause", follow=True).content.decode()
    assert f"Resume {workflow.name}" in paused
    assert 'data-status="paused"' in paused
    assert the_schedule().is_paused

    client.post(f"/workflows/{workflow.pk}/resume")
    assert not the_schedule().is_paused

    Membership.objects.update(role="builder")
    assert f"Pause {workflow.name}" not in client.get("/workflows").content.decode()
    assert client.post(f"/workflows/{workflow.pk}/pause").status_code == 403


def test_a_draft_with_these_triggers_is_described_and_tried(admin: Member, client: Client) -> None:
    client.force_login(admin.user)
    graph = a_schedule({"cron": "0 9 * * *"})
    graph["nodes"].append(a_node("failed", "failure_trigger"))
    graph["edges"].append({"source": "failed", "port": "out", "target": "end"})
    checked = client.post("/api/v1/graphs/check", {"graph": graph}, content_type="application/json").json()
    assert [row for row in checked["problems"] if row["severity"] == "error"] == []
    told = checked["nodes"]
    assert told["start"]["hint"].startswith("At 09:00 every day. Next: ")
    assert told["start"]["example"].keys() == {"due_at", "previous_at"}
    assert told["failed"]["example"]["error"]["code"] == "mcp_timeout"
    assert (told["end"]["hint"], told["end"]["example"]) == (None, None)

    draft = actions.create_workflow(admin, name="Draft", graph=graph)
    try_it = partial(start_by_person, admin, draft, draft=True)
    given = try_it(trigger="start", input=None).input
    assert datetime.fromisoformat(given["due_at"]).utcoffset() is not None
    assert given["previous_at"] is None
    assert try_it(trigger="failed", input={"node": "pay"}).input["node"] == "pay"
    with pytest.raises(Invalid) as caught:
        try_it(trigger="start", input={"due_at": 5})
    assert (caught.value.code, caught.value.details["fields"][0]["field"]) == ("invalid_input", "due_at")


def test_wrong_times_are_refused_at_publish(admin: Member, client: Client) -> None:
    client.force_login(admin.user)
    workflow = actions.create_workflow(admin, name="Wrong", graph=a_schedule({"cron": "61 * * * *"}))
    answer = client.post(f"/api/v1/workflows/{workflow.pk}/publish", {}, content_type="application/json")
    assert answer.status_code == 422
    problem = answer.json()["details"]["problems"][0]
    assert (problem["node"], problem["field"], problem["code"]) == ("start", "cron", "invalid_config")


def test_publishing_lists_these_triggers_without_an_address(admin: Member, client: Client) -> None:
    client.force_login(admin.user)
    workflow = actions.create_workflow(admin, name="Listed", graph=a_schedule())
    answer = client.post(f"/api/v1/workflows/{workflow.pk}/publish", {}, content_type="application/json")
    nothing = {"url": None, "watch": None, "secret": None}
    trigger = {"node": "start", "type": "schedule_trigger", **nothing}
    assert trigger in answer.json()["triggers"]


def test_moments_are_kept_to_the_microsecond_of_the_database(admin: Member) -> None:
    publish(admin, a_schedule({"every_s": 60}))
    row = the_schedule()
    assert row.slot is not None
    assert row.slot.microsecond == 0
    assert row.slot.tzinfo is UTC
