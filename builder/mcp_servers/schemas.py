from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from builder.mcp_servers.models import McpPrompt, McpResource, McpServer, McpTool
from runtime.mcp.addresses import AddressUnusable, Variable, variables_of


class HeaderIn(Schema):
    """A header that goes with each request; an empty value keeps what is there."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=80)
    value: str = Field(default="", max_length=8000)


class AuthIn(Schema):
    """`token` for bearer, `headers` for headers of its own, or `header` and `value` for one; never shown again.

    For `oauth` people connect on the server's page: one `account` for the `workspace`, or each `person` their own.
    """

    kind: Literal["none", "bearer", "header", "oauth"] = "none"
    token: str | None = Field(default=None, max_length=8000)
    header: str | None = Field(default=None, max_length=80)
    value: str | None = Field(default=None, max_length=8000)
    headers: list[HeaderIn] | None = Field(default=None, max_length=10)
    account: Literal["workspace", "person"] | None = None


class ElicitationIn(Schema):
    """What becomes of questions to people in the middle of a call; `due_s`: for so long they may answer."""

    model_config = ConfigDict(extra="forbid")
    mode: Literal["ask", "decline"] | None = None
    due_s: int | None = Field(default=None, ge=60, le=400 * 24 * 3600)


class SamplingIn(Schema):
    """The model that the server may have asked, as a graph names one; tokens of an answer, US dollars of a day (UTC).

    `ask_first`: a person sees each question in the inbox and agrees to it before the model is asked.
    """

    model_config = ConfigDict(extra="forbid")
    model: str = Field(default="default", max_length=200)
    max_tokens: int | None = Field(default=None, ge=1, le=100_000)
    usd_per_day: float | None = Field(default=None, gt=0, le=100_000)
    ask_first: bool | None = None


class McpServerIn(Schema):
    model_config = ConfigDict(extra="forbid")
    slug: str
    name: str = Field(default="", max_length=120)
    transport: Literal["http", "stdio"]
    url: str = Field(default="", max_length=500)
    template: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    auth: AuthIn = Field(default_factory=AuthIn)
    enable: Literal["all", "read_only", "none"] = "read_only"
    elicitation: ElicitationIn | None = None
    sampling: SamplingIn | None = None


class ImportIn(Schema):
    """The text of an `mcp.json` or `server.json`; comments and trailing commas are fine."""

    model_config = ConfigDict(extra="forbid")
    document: str = Field(max_length=256 * 1024)


class MissingOut(Schema):
    what: Literal["secret", "address", "command", "left_out"]
    name: str
    message: str


class ProposalOut(Schema):
    """A server as it could be registered; `command` is for reading, only `template` would ever be started."""

    name: str
    transport: Literal["http", "stdio"]
    url: str
    auth: dict[str, Any]
    command: str
    template: str
    parameters: dict[str, str]
    description: str
    missing: list[MissingOut]
    can_be_added: bool


class ProposalsOut(Schema):
    proposals: list[ProposalOut]


class McpServerPatch(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, max_length=120)
    url: str | None = Field(default=None, max_length=500)
    parameters: dict[str, Any] | None = None
    auth: AuthIn | None = None
    enable: Literal["all", "read_only", "none"] | None = None
    elicitation: ElicitationIn | None = None
    sampling: SamplingIn | None = None


class McpServerOut(Schema):
    id: UUID
    slug: str
    name: str
    transport: str
    url: str
    template: str
    parameters: dict[str, Any]
    auth: dict[str, Any]
    enable: str
    elicitation: dict[str, Any]
    sampling: dict[str, Any] | None
    status: str
    error: dict[str, Any] | None
    tools: int
    protocol_version: str
    server_name: str
    server_version: str
    listed_at: str | None

    @staticmethod
    def of(server: McpServer) -> "McpServerOut":
        auth: dict[str, Any] = {"kind": server.auth_kind, "is_set": bool(server.sealed_auth)}
        if server.auth_kind == "header":
            auth |= {
                "header": server.header_names[0],
                "headers": [{"name": name} for name in server.header_names],
            }
        if server.auth_kind == "oauth":
            auth["account"] = server.account_scope
            auth["is_set"] = server.accounts.filter(status="ok").exists()
        return McpServerOut(
            id=server.pk,
            slug=server.slug,
            name=server.name,
            transport=server.transport,
            url=server.url,
            template=server.template,
            parameters=server.parameters,
            auth=auth,
            enable=server.enable,
            elicitation={"mode": server.elicitation, "due_s": server.elicitation_due_s},
            sampling=_sampling(server),
            status=server.status,
            error=server.error,
            tools=sum(tool.missing_since is None for tool in server.tools.all()),
            protocol_version=server.protocol_version,
            server_name=server.server_name,
            server_version=server.server_version,
            listed_at=server.listed_at.isoformat() if server.listed_at else None,
        )


def _sampling(server: McpServer) -> dict[str, Any] | None:
    if not server.sampling_model:
        return None
    return {
        "model": server.sampling_model,
        "max_tokens": server.sampling_max_tokens,
        "usd_per_day": server.sampling_usd_per_day,
        "ask_first": server.sampling_ask_first,
    }


class HealthOut(Schema):
    """`calls`, `failed_percent` and `average_ms` are of the last 24 hours."""

    checked_at: datetime | None
    latency_ms: float | None
    calls: int
    failed_percent: float
    average_ms: float
    last_used_at: datetime | None


class DependentOut(Schema):
    """`is_live` tells whether the live version uses the server, or only the draft."""

    id: UUID
    slug: str
    name: str
    is_live: bool
    tools: list[str]


class RefreshOut(Schema):
    status: str
    tools: int
    error: dict[str, Any] | None = None


class FindingOut(Schema):
    """`text` is what was seen: on a failure its cause, on a skipped step the reason."""

    step: str
    title: str
    status: Literal["ok", "failed", "skipped"]
    text: str
    fix: str
    duration_ms: float


class ReportOut(Schema):
    ok: bool
    steps: list[FindingOut]


class ToolOut(Schema):
    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, Any]
    enabled: bool
    effect: str
    timeout_s: float | None
    rate: int | None
    approval: dict[str, Any] | None
    arguments: dict[str, Any]
    used_by: list[str] | None
    changed: dict[str, Any] | None
    missing: bool

    @staticmethod
    def of(tool: McpTool) -> "ToolOut":
        return ToolOut(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.input_schema,
            output_schema=tool.output_schema,
            annotations=tool.annotations,
            enabled=tool.enabled,
            effect=tool.effect,
            timeout_s=tool.timeout_s,
            rate=tool.rate,
            approval=tool.approval,
            arguments=tool.limits,
            used_by=tool.used_by,
            changed=tool.changed,
            missing=tool.missing_since is not None,
        )


class VariableOut(Schema):
    name: str
    required: bool


class ResourceOut(Schema):
    """`uri` is an address, or with `is_template` a pattern of addresses (RFC 6570) with `variables`."""

    uri: str
    is_template: bool
    name: str
    title: str
    description: str
    media_type: str
    variables: list[VariableOut]

    @staticmethod
    def of(row: McpResource) -> "ResourceOut":
        return ResourceOut(
            uri=row.uri,
            is_template=row.is_template,
            name=row.name,
            title=row.title,
            description=row.description,
            media_type=row.media_type,
            variables=[VariableOut(name=part.name, required=part.required) for part in _variables(row)],
        )


def _variables(row: McpResource) -> tuple[Variable, ...]:
    """None for a pattern that cannot be read: a step that uses it is told so."""
    try:
        return variables_of(row.uri) if row.is_template else ()
    except AddressUnusable:
        return ()


class ArgumentOut(Schema):
    name: str
    description: str
    required: bool


class PromptOut(Schema):
    name: str
    title: str
    description: str
    arguments: list[ArgumentOut]

    @staticmethod
    def of(row: McpPrompt) -> "PromptOut":
        return PromptOut(
            name=row.name,
            title=row.title,
            description=row.description,
            arguments=[ArgumentOut(**argument) for argument in row.arguments],
        )


class SuggestIn(Schema):
    """`name` is that of a prompt, or the pattern of a resource; `given` the values of its other arguments."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["prompt", "resource"]
    name: str = Field(min_length=1, max_length=4000)
    argument: str = Field(min_length=1, max_length=300)
    value: str = Field(default="", max_length=1000)
    given: dict[str, str] = Field(default_factory=dict, max_length=100)


class SuggestionsOut(Schema):
    values: list[str]
    has_more: bool


class ApprovalIn(Schema):
    """Who must agree to each call: anyone who answers the inbox, a role, or a person by e-mail.

    due_in_s   after which the call fails unmade (`approval_timed_out`); without it the run waits
    """

    model_config = ConfigDict(extra="forbid")
    kind: Literal["anyone", "role", "person"]
    value: str | None = Field(default=None, max_length=254)
    due_in_s: float | None = Field(default=None, gt=0, le=366 * 24 * 3600)


class ToolPatch(Schema):
    """rate: calls per minute. arguments: path -> {"value": …} or {"pattern": "…"}. used_by: slugs of workflows.

    Null takes a limit away.
    """

    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    effect: Literal["none", "idempotent", "once"] | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    rate: int | None = Field(default=None, gt=0, le=100_000)
    approval: ApprovalIn | None = None
    arguments: dict[str, dict[str, Any]] | None = None
    used_by: list[str] | None = Field(default=None, max_length=500)


class InspectIn(Schema):
    """`name` and `arguments` for `tools/call` and `prompts/get`, `uri` for `resources/read`."""

    model_config = ConfigDict(extra="forbid")
    method: Literal["tools/call", "resources/read", "prompts/get"]
    name: str = Field(default="", max_length=300)
    arguments: dict[str, Any] = Field(default_factory=dict)
    uri: str = Field(default="", max_length=4000)


class MessageOut(Schema):
    """`text` is one JSON-RPC message, cut off at 60,000 characters; `at_ms` counts from the first one."""

    direction: Literal["sent", "received"]
    at_ms: float
    text: str


class InspectionOut(Schema):
    """`duration_ms` is the request's own, without connecting."""

    result: dict[str, Any] | None
    error: dict[str, Any] | None
    duration_ms: float
    messages: list[MessageOut]


class CallIn(Schema):
    arguments: dict[str, Any] = Field(default_factory=dict)


class CallOut(Schema):
    text: str
    content: list[Any]
    structured: Any
    data: Any
    is_error: bool
    duration_ms: float
