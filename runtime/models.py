"""The rows a run is made of. The database is the only truth; everything else may be lost.

Runs, steps, attempts and events have `run_id` first in their key and no foreign keys between them,
so that the tables can be partitioned by run later. `workspace_id` and `workflow_id` are plain UUIDs:
the runtime knows no application object.
"""

from django.db import models

from runtime.identifiers import new_id

PATH_LENGTH = 450
"""A step's node and five containers around it, with ids as long as they may be."""


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


class StepStatus(models.TextChoices):
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


ENGINE_LEVEL = 1
"""Raised by a release whose graphs hold what hosts of the release before do not know, such as a new type of node."""


class Graph(models.Model):
    """A frozen graph, stored once by its content; never changed after it was written.

    engine_level   the least that a host must know to execute it
    """

    digest = models.CharField(primary_key=True, max_length=64)
    document = models.JSONField()
    engine_level = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:12]


class Host(models.Model):
    """The part of a worker process that executes runs; it lives while `lease_until` is ahead.

    suspect_run_id  the one run under suspicion that it holds: if it dies, that run alone is charged
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField(db_index=True)
    progress_at = models.DateTimeField()
    suspect_run_id = models.UUIDField(null=True)

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of one graph, pinned to it from start to end.

    due_at   when a host should look at it next; null when nothing will happen by itself
    fence    grows with each claim; a write that names an older one is refused
    wakes    grows with each signal, so that a host does not release a run it has not looked at
    slot_key   which runs it shares a limit with, see runtime/engine/slots.py; "" for none
    has_slot   whether it may be claimed
    keep_until     set at its end where the workflow says for how long its runs are kept
    budget_grants  how often an operator let it use its budgets once more, see runtime/engine/budgets.py
    uncounted      once it has ended: whether its end is still to be counted, see runtime/engine/run_counts.py
    charges  deaths of hosts that are laid to this run, see runtime/engine/claiming.py
    origin_id    the run whose idempotency keys it uses: its own, or for a retry that of the first try
    retry_of     the failed run whose settled steps it took over
    parent_id    the run whose step `parent_path` started it; `parent_key` is the wait to tell of its end, if any
    depth        how many runs are above it
    replay_of    the run whose input it starts with; `forked_from` names the step it begins again at, if not the start
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    workflow_id = models.UUIDField()
    graph_id = models.CharField(max_length=64)
    version = models.PositiveIntegerField(null=True)
    trigger = models.CharField(max_length=63)
    input = models.JSONField(default=dict)
    started_by = models.CharField(max_length=254, default="")
    facts = models.JSONField(default=dict)
    origin_id = models.UUIDField()
    retry_of = models.UUIDField(null=True)
    replay_of = models.UUIDField(null=True)
    forked_from = models.CharField(max_length=PATH_LENGTH, default="")
    parent_id = models.UUIDField(null=True)
    parent_path = models.CharField(max_length=PATH_LENGTH, default="")
    parent_key = models.CharField(max_length=120, default="")
    depth = models.PositiveSmallIntegerField(default=0)

    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.QUEUED)
    attention = models.CharField(max_length=32, default="")
    result = models.JSONField(null=True)
    replied_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    handled_errors = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    progress_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=500, default="")
    pause_requested_at = models.DateTimeField(null=True)

    due_at = models.DateTimeField(null=True)
    host_id = models.UUIDField(null=True)
    fence = models.BigIntegerField(default=0)
    wakes = models.BigIntegerField(default=0)
    event_seq = models.BigIntegerField(default=0)
    steps_done = models.PositiveIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_usd = models.FloatField(default=0)
    charges = models.PositiveSmallIntegerField(default=0)
    slot_key = models.CharField(max_length=32, default="")
    slot_limit = models.PositiveIntegerField(default=0)
    has_slot = models.BooleanField(default=True)
    state_bytes = models.BigIntegerField(default=0)
    active_ms = models.BigIntegerField(default=0)
    keep_until = models.DateTimeField(null=True)
    budget_grants = models.PositiveSmallIntegerField(default=0)
    uncounted = models.BooleanField(default=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="run_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["host_id"], name="run_host", condition=models.Q(host_id__isnull=False)),
            models.Index(fields=["workspace_id", "-id"], name="run_newest"),
            models.Index(fields=["workspace_id", "status", "-id"], name="run_by_status"),
            models.Index(fields=["workspace_id", "trigger", "-id"], name="run_by_trigger"),
            models.Index(fields=["workflow_id", "-id"], name="run_by_workflow"),
            models.Index(fields=["workflow_id", "status", "-id"], name="run_by_workflow_status"),
            models.Index(
                fields=["workspace_id"],
                name="run_uncounted",
                condition=models.Q(uncounted=True, ended_at__isnull=False),
            ),
            models.Index(fields=["retry_of"], name="run_retry", condition=models.Q(retry_of__isnull=False)),
            models.Index(
                fields=["keep_until"],
                name="run_kept",
                condition=models.Q(keep_until__isnull=False),
            ),
            models.Index(
                fields=["slot_key"],
                name="run_by_slot_key",
                condition=~models.Q(slot_key="") & models.Q(ended_at__isnull=True),
            ),
            models.Index(
                fields=["parent_id"], name="run_by_parent", condition=models.Q(parent_id__isnull=False)
            ),
        ]
        constraints = [
            # An ended run never becomes due again: recovery cannot revive it.
            models.CheckConstraint(
                name="run_ended_is_not_due",
                condition=~models.Q(status__in=["succeeded", "failed", "cancelled"])
                | models.Q(due_at__isnull=True, ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def takes_over(self) -> bool:
        """Whether it began with steps of another run."""
        return self.retry_of is not None or bool(self.forked_from)


class ConcurrencyKey(models.Model):
    """What is locked while the runs of a key are counted; it says nothing by itself."""

    key = models.CharField(primary_key=True, max_length=32)

    def __str__(self) -> str:
        return self.key


class Step(models.Model):
    """One node executed in a run; `path` is the node's id, in a container with the iterations before it.

    position    the order in which steps began, for lists
    stored      column -> digest of a value that is too large for the row, see runtime/engine/stored_values.py
    taken_from  the run that executed it, where this one took its outcome over
    """

    pk = models.CompositePrimaryKey("run_id", "path")
    run_id = models.UUIDField()
    path = models.CharField(max_length=PATH_LENGTH)
    node = models.CharField(max_length=63)
    type = models.CharField(max_length=63)
    position = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=StepStatus.choices)
    ports = models.JSONField(default=list)
    attempts = models.PositiveIntegerField(default=0)
    input = models.JSONField(null=True)
    output = models.JSONField(null=True)
    error = models.JSONField(null=True)
    usage = models.JSONField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    taken_from = models.UUIDField(null=True)
    stored = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.run_id} {self.path}"


class StoredValue(models.Model):
    """A value that is too large for the rows of the steps that hold it; never changed, gone with its run.

    digest   SHA-256 of the value
    """

    pk = models.CompositePrimaryKey("run_id", "digest")
    run_id = models.UUIDField()
    digest = models.CharField(max_length=64)
    value = models.JSONField()

    def __str__(self) -> str:
        return f"{self.run_id} {self.digest[:12]}"


class Attempt(models.Model):
    """One try at a step. A row without `ended_at` is an intent: the call may or may not have happened."""

    pk = models.CompositePrimaryKey("run_id", "path", "number")
    run_id = models.UUIDField()
    path = models.CharField(max_length=PATH_LENGTH)
    number = models.PositiveIntegerField()
    effect = models.CharField(max_length=16)
    idempotency_key = models.CharField(max_length=64)
    fence = models.BigIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    usage = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.run_id} {self.path} #{self.number}"


class Event(models.Model):
    """What happened in a run, append-only, numbered from 1 without gaps."""

    pk = models.CompositePrimaryKey("run_id", "seq")
    run_id = models.UUIDField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    type = models.CharField(max_length=32)
    path = models.CharField(max_length=PATH_LENGTH, default="")
    attempt = models.PositiveIntegerField(null=True)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.run_id} {self.seq} {self.type}"


class Wait(models.Model):
    """A step that waits: for a time, a person, its next attempt or an operator's word.

    key     what a signal must name to be meant for this wait
    due_at  when the wait is over by itself; null for "as long as it takes"
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run_id = models.UUIDField(db_index=True)
    path = models.CharField(max_length=PATH_LENGTH)
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=120, unique=True)
    due_at = models.DateTimeField(null=True)
    data = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, default="")

    class Meta:
        constraints = [
            # A step waits for one thing at a time.
            models.UniqueConstraint(
                fields=["run_id", "path"],
                condition=models.Q(closed_at__isnull=True),
                name="one_open_wait_per_step",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Signal(models.Model):
    """News for a wait; it may arrive before the wait and is consumed once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=120, db_index=True)
    delivery_id = models.CharField(max_length=120)
    payload = models.JSONField(default=dict)
    sent_at = models.DateTimeField()
    consumed_by = models.UUIDField(null=True)

    class Meta:
        constraints = [
            # The same delivery cannot count twice.
            models.UniqueConstraint(fields=["key", "delivery_id"], name="one_signal_per_delivery"),
        ]

    def __str__(self) -> str:
        return self.key


class Schedule(models.Model):
    """A trigger that starts runs by itself; written by the application at publish, swept by every host.

    Of kind `times` the clock alone starts a run; of kind `watch` what a server shows when it is looked at.

    spec         when it is due, as runtime/timetables.py reads it; or what is asked, as runtime/watching.py does
    slot         the time that the next run is for
    due_at       when a host should look at it: the same, or later after a try that failed
    previous_at  the slot of the last run that it started
    fence        of a watch: grows with each look, and a look that names an older one writes nothing
    looked_at    of a watch: when it last saw the items; null before the first time
    failures     of a watch: looks that failed since then; `error` says why, as the API shows one
    """

    class Kind(models.TextChoices):
        TIMES = "times"
        WATCH = "watch"

    class Missed(models.TextChoices):
        RUN_ONCE = "run_once"
        SKIP = "skip"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    workflow_id = models.UUIDField()
    node = models.CharField(max_length=63)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.TIMES)
    spec = models.JSONField()
    missed = models.CharField(max_length=16, choices=Missed.choices)
    slot = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    previous_at = models.DateTimeField(null=True)
    is_paused = models.BooleanField(default=False)
    fence = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                name="schedule_due",
                condition=models.Q(due_at__isnull=False, is_paused=False),
            ),
        ]
        constraints = [
            # A trigger keeps its one schedule across publishes.
            models.UniqueConstraint(fields=["workflow_id", "node"], name="one_schedule_per_trigger"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.node}"


class ScheduledRun(models.Model):
    """That a slot has had its run; the key sees to it that it never gets another. Kept for 30 days."""

    pk = models.CompositePrimaryKey("schedule_id", "slot")
    schedule_id = models.UUIDField()
    slot = models.DateTimeField()
    run_id = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.slot}"


class WatchedItem(models.Model):
    """What a watch has seen of one item; the key sees to it that one look of it starts one run.

    run_id   the run that it started last; null where it was only remembered
    """

    pk = models.CompositePrimaryKey("schedule_id", "key")
    schedule_id = models.UUIDField()
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    run_id = models.UUIDField(null=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.key}"


class Errand(models.Model):
    """Something a person asked of an outside system apart from a run: claimed like a run, awaited like a reply."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    host_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="errand_queued", condition=models.Q(status="queued")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class RunCount(models.Model):
    """How many runs of a workflow ended on a day in a status, after about so long; tests of drafts apart.

    workflow_id  or ALL_WORKFLOWS, so that a page of the whole workspace reads as few rows as one of a workflow
    day     in the time zone of the workspace, see WorkspaceLimits
    took    step of a logarithmic scale, see runtime/engine/run_counts.py: it is what a median comes from
    """

    pk = models.CompositePrimaryKey("workspace_id", "workflow_id", "day", "is_test", "status", "took")
    workspace_id = models.UUIDField()
    day = models.DateField()
    workflow_id = models.UUIDField()
    is_test = models.BooleanField()
    status = models.CharField(max_length=16)
    took = models.PositiveSmallIntegerField()
    runs = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.day} {self.status} {self.runs}"


class Spend(models.Model):
    """What calls of a model connection in one step have cost: written with the step's outcome, added up later.

    at        when the step asked, which is what rates and days go by
    requests  calls that were let through, as the connection's rate counts them
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField()
    connection = models.CharField(max_length=63)
    at = models.DateTimeField()
    requests = models.PositiveIntegerField(default=1)
    tokens = models.BigIntegerField(default=0)
    cost_usd = models.FloatField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "at"], name="spend_of_workspace"),
            models.Index(fields=["at"], name="spend_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.tokens}"


class SpendDay(models.Model):
    """What a workspace spent on models on a day of its time zone, apart from the rows of Spend that are left."""

    pk = models.CompositePrimaryKey("workspace_id", "day")
    workspace_id = models.UUIDField()
    day = models.DateField()
    tokens = models.BigIntegerField(default=0)
    cost_usd = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.day}"


class WorkspaceLimits(models.Model):
    """What a workspace may spend on models; null for as much as it likes. Written by the application.

    timezone  whose days and months count
    """

    workspace_id = models.UUIDField(primary_key=True)
    timezone = models.CharField(max_length=64, default="UTC")
    tokens_per_day = models.BigIntegerField(null=True)
    tokens_per_month = models.BigIntegerField(null=True)
    cost_usd_per_day = models.FloatField(null=True)
    cost_usd_per_month = models.FloatField(null=True)

    def __str__(self) -> str:
        return str(self.workspace_id)


class SettingsRevision(models.Model):
    """How often the settings of a workspace were changed that runs go by; see runtime/settings_revisions.py."""

    workspace_id = models.UUIDField(primary_key=True)
    revision = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.revision}"


class Duty(models.Model):
    """Work that one host at a time does; its row is what that host holds locked meanwhile."""

    name = models.CharField(primary_key=True, max_length=40)

    def __str__(self) -> str:
        return self.name
