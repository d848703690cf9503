"""The registry: which MCP servers a workspace may use, and their tools as they were last read."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils import timezone

from builder.accounts.models import Membership, Workspace
from builder.http.encryption import seal, unseal
from runtime.identifiers import new_id


class McpServer(models.Model):
    """A registered server; `slug` is what graphs name and never changes.

    auth_header        names of the headers for sign-in by headers, with commas; their values are the lines of the secret
    account_scope      whose account calls use at a server that people sign in to
    elicitation        what becomes of its questions in mid-call; people have `elicitation_due_s` to answer
    sampling_model     the model that it may have asked, as a graph names one; empty where it may not
    sampling_ask_first   a person sees each question to the model and agrees to it before the model does
    told_at   when its lists were last read because it said that they changed
    """

    class Transport(models.TextChoices):
        HTTP = "http", "Streamable HTTP"
        STDIO = "stdio", "Command on this machine"

    class Status(models.TextChoices):
        UNKNOWN = "unknown", "Not tried yet"
        OK = "ok", "Connected"
        ERROR = "error", "Cannot connect"

    class AccountScope(models.TextChoices):
        WORKSPACE = "workspace", "One account for the workspace"
        PERSON = "person", "Each person connects their own"

    class Elicitation(models.TextChoices):
        ASK = "ask", "Ask in the inbox"
        DECLINE = "decline", "Decline at once"

    NO_SETTINGS = (
        "status",
        "error",
        "listed_at",
        "told_at",
        "protocol_version",
        "next_check_at",
        "checked_at",
        "checks_failed",
        "latency_ms",
        "last_used_at",
        "report",
        "examined_at",
        "server_name",
        "server_version",
        "instructions",
    )
    """What is noted of a server all the time, and that no call goes by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="mcp_servers")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=120)
    transport = models.CharField(max_length=8, choices=Transport.choices)
    url = models.URLField(max_length=500, blank=True)
    template = models.CharField(max_length=63, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    auth_kind = models.CharField(max_length=8, default="none")
    auth_header = models.CharField(max_length=1000, blank=True)
    sealed_auth = models.TextField(blank=True)
    account_scope = models.CharField(
        max_length=12, choices=AccountScope.choices, default=AccountScope.WORKSPACE
    )
    enable = models.CharField(max_length=12, default="read_only")
    elicitation = models.CharField(max_length=8, choices=Elicitation.choices, default=Elicitation.ASK)
    elicitation_due_s = models.PositiveIntegerField(default=7 * 24 * 3600)
    sampling_model = models.CharField(max_length=200, blank=True)
    sampling_max_tokens = models.PositiveIntegerField(default=1000)
    sampling_usd_per_day = models.FloatField(default=1.0)
    sampling_ask_first = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)

    status = models.CharField(max_length=8, choices=Status.choices, default=Status.UNKNOWN)
    error = models.JSONField(null=True, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    protocol_version = models.CharField(max_length=20, blank=True)
    wire = models.CharField(max_length=12, blank=True)
    next_check_at = models.DateTimeField(null=True, blank=True, db_index=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    checks_failed = models.PositiveIntegerField(default=0)
    latency_ms = models.FloatField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    report = models.JSONField(null=True, blank=True)
    examined_at = models.DateTimeField(null=True, blank=True)
    server_name = models.CharField(max_length=200, blank=True)
    server_version = models.CharField(max_length=80, blank=True)
    instructions = models.TextField(blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # A graph names a server by its slug.
            models.UniqueConstraint(fields=["workspace", "slug"], name="one_server_per_slug"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """The bearer token or header value; only the worker asks for it."""
        return unseal(self.sealed_auth, place=f"mcp_server:{self.pk}:auth") if self.sealed_auth else ""

    def set_secret(self, value: str) -> None:
        self.sealed_auth = seal(value, place=f"mcp_server:{self.pk}:auth") if value else ""

    @property
    def header_names(self) -> list[str]:
        """Of a sign-in by headers."""
        return [name for name in self.auth_header.split(", ") if name]

    @property
    def header_values(self) -> dict[str, str]:
        """Header -> its secret value; only the worker asks for it."""
        return dict(zip(self.header_names, self.secret.split("\n"), strict=False))

    def set_headers(self, values: Mapping[str, str]) -> None:
        """Each value is one line."""
        self.auth_header = ", ".join(values)
        self.set_secret("\n".join(values.values()))


class McpTool(models.Model):
    """A tool as its definition was when it was last approved, and what the workspace allows of it.

    approval         who must agree to each call, as `assign_to` of a handoff, and `due_in_s`; null for nobody
    rate             calls per minute over all workers; null for as many as are wanted
    limits           argument path -> {"value": …} or {"pattern": "…"}
    used_by          slugs of the workflows that may use it; null for all
    counted_minute   the minute that `counted_calls` is about
    """

    NO_SETTINGS = ("counted_minute", "counted_calls")
    """What calls themselves write."""

    class Effect(models.TextChoices):
        NONE = "none", "Reads only"
        IDEMPOTENT = "idempotent", "May be repeated safely"
        ONCE = "once", "Must not be repeated"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="tools")
    name = models.CharField(max_length=128)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    input_schema = models.JSONField(default=dict)
    output_schema = models.JSONField(null=True)
    annotations = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    changed = models.JSONField(null=True)
    missing_since = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    effect = models.CharField(max_length=12, choices=Effect.choices, default=Effect.ONCE)
    timeout_s = models.FloatField(null=True)
    approval = models.JSONField(null=True)
    rate = models.PositiveIntegerField(null=True)
    limits = models.JSONField(default=dict)
    used_by = models.JSONField(null=True)
    counted_minute = models.DateTimeField(null=True)
    counted_calls = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "name"], name="one_tool_per_name"),
        ]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return self.title or self.name


class McpUse(models.Model):
    """Calls of a server in one hour, over all hosts; failures are the server's own, not its tools'."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="uses")
    hour = models.DateTimeField(db_index=True)
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    total_ms = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "hour"], name="one_use_per_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.server} {self.hour:%Y-%m-%d %H}"


class McpSampling(models.Model):
    """What a server had models asked for on one day (UTC); refused: how often it was not allowed to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="samplings")
    day = models.DateField()
    calls = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "day"], name="one_sampling_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.server} {self.day}"


class McpResource(models.Model):
    """A resource as it was last listed, or with `is_template` a pattern of addresses."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="resources")
    uri = models.TextField()
    is_template = models.BooleanField(default=False)
    name = models.CharField(max_length=300)
    title = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    media_type = models.CharField(max_length=120, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.uri

    @property
    def label(self) -> str:
        return self.title or self.name


class McpPrompt(models.Model):
    """A prompt as it was last listed; arguments are [{"name", "description", "required"}]."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="prompts")
    name = models.CharField(max_length=300)
    title = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    arguments = models.JSONField(default=list)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return self.title or self.name


class Account(models.Model):
    """Who the workspace, or one person, is at a server that people sign in to by OAuth.

    membership      whose account it is; None for the workspace's
    sealed_state    what runtime.mcp.oauth keeps: registration, tokens, a sign-in under way
    came_for        keyed hash of the `state` that a browser brings back
    version         grows with each change of the state; claimed_until: one host refreshes the tokens until then
    needs_scope     what the server asked for beyond what was granted
    """

    class Status(models.TextChoices):
        NEW = "unknown", "Not connected yet"
        CONNECTED = "ok", "Connected"
        AGAIN = "error", "Connect again"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    server = models.ForeignKey(McpServer, on_delete=models.CASCADE, related_name="accounts")
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, null=True, related_name="mcp_accounts"
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.NEW)
    redirect_uri = models.CharField(max_length=500)
    sealed_state = models.TextField(blank=True)
    came_for = models.CharField(max_length=64, blank=True, db_index=True)
    version = models.PositiveIntegerField(default=1)
    claimed_until = models.DateTimeField(null=True)
    needs_scope = models.CharField(max_length=1000, blank=True)
    connected_by = models.CharField(max_length=254, blank=True)
    connected_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # One account for each person, and one for the workspace itself.
            models.UniqueConstraint(fields=["server", "membership"], name="one_account_per_person"),
            models.UniqueConstraint(
                fields=["server"], condition=models.Q(membership=None), name="one_account_of_the_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership or 'workspace'} at {self.server}"

    @property
    def is_connected(self) -> bool:
        return self.status == self.Status.CONNECTED

    @property
    def state(self) -> dict[str, Any]:
        """Only the worker asks for it, and the page to which the browser comes back."""
        return self.opened(self.sealed_state)

    def set_state(self, state: dict[str, Any]) -> None:
        self.sealed_state = seal(json.dumps(state), place=self._place)

    def opened(self, sealed: str) -> dict[str, Any]:
        opened: dict[str, Any] = json.loads(unseal(sealed, place=self._place)) if sealed else {}
        return opened

    @property
    def _place(self) -> str:
        return f"mcp_account:{self.pk}:state"


class ToolTest(models.Model):
    """A call that is made again at a click, and what must come of it.

    fields    names of the result -> what each must be; only where the call is expected to succeed
    passed    of the last time; None before the first. problem says what was different
    """

    class Expected(models.TextChoices):
        OK = "ok", "It succeeds"
        FAILED = "failed", "The tool says that it failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tool = models.ForeignKey(McpTool, on_delete=models.CASCADE, related_name="tests")
    name = models.CharField(max_length=120)
    arguments = models.JSONField(default=dict)
    expected = models.CharField(max_length=6, choices=Expected.choices, default=Expected.OK)
    fields = models.JSONField(default=dict)
    passed = models.BooleanField(null=True)
    problem = models.CharField(max_length=500, blank=True)
    ran_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tool", "name"], name="one_test_of_a_name_per_tool")]

    def __str__(self) -> str:
        return f"{self.name} of {self.tool}"
