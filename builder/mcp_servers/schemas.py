from typing import Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from builder.mcp_servers.models import McpServer, McpTool


class AuthIn(Schema):
    """`token` for bearer, `header` and `value` for a header of its own; both are written and never shown.

    For `oauth` somebody connects on the server's page.
    """

    kind: Literal["none", "bearer", "header", "oauth"] = "none"
    token: str | None = Field(default=None, max_length=8000)
    header: str | None = Field(default=None, max_length=80)
    value: str | None = Field(default=None, max_length=8000)


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


class McpServerPatch(Schema):
    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(default=None, max_length=120)
    url: str | None = Field(default=None, max_length=500)
    parameters: dict[str, Any] | None = None
    auth: AuthIn | None = None
    enable: Literal["all", "read_only", "none"] | None = None


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
        if server.auth_header:
            auth["header"] = server.auth_header
        if server.auth_kind == "oauth":
            auth["is_set"] = server.accounts.filter(membership=None, status="ok").exists()
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
            status=server.status,
            error=server.error,
            tools=sum(tool.missing_since is None for tool in server.tools.all()),
            protocol_version=server.protocol_version,
            server_name=server.server_name,
            server_version=server.server_version,
            listed_at=server.listed_at.isoformat() if server.listed_at else None,
        )


class RefreshOut(Schema):
    status: str
    tools: int
    error: dict[str, Any] | None = None


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
            changed=tool.changed,
            missing=tool.missing_since is not None,
        )


class ToolPatch(Schema):
    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    effect: Literal["none", "idempotent", "once"] | None = None
    timeout_s: float | None = Field(default=None, gt=0, le=3600)


class CallIn(Schema):
    arguments: dict[str, Any] = Field(default_factory=dict)


class CallOut(Schema):
    text: str
    content: list[Any]
    structured: Any
    data: Any
    is_error: bool
    duration_ms: float
