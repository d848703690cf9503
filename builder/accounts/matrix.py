"""The authorization matrix: which role may do which verb, and which verb each route and socket asks.

One table for pages, API, sockets and the MCP endpoint. A route that is not here answers 404 to everybody and fails the tests.
"""

from collections.abc import Mapping
from typing import Final

from django.db import models


class Role(models.TextChoices):
    """Each role includes the one before it, except that operator is viewer and what operations need."""

    VIEWER = "viewer", "Viewer"
    AGENT = "agent", "Agent"
    BUILDER = "builder", "Builder"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"


ROLE_SUMMARY: Final[Mapping[str, str]] = {
    Role.VIEWER: "Sees workflows and runs.",
    Role.AGENT: "Also answers what waits in the inbox.",
    Role.BUILDER: "Also edits, tests and publishes workflows.",
    Role.OPERATOR: "Sees workflows and runs; cancels, retries, replays, pauses and settles them.",
    Role.ADMIN: "Everything, and members, MCP servers, model connections and tokens.",
}

_VIEWER = frozenset(
    {"workspace.read", "workflow.read", "run.read", "mcp.read", "model.read", "member.read", "token.own"}
)
_AGENT = _VIEWER | {"inbox.read", "inbox.answer"}
_BUILDER = _AGENT | {"workflow.edit", "workflow.publish", "run.start", "mcp.call", "run.cancel", "run.retry"}
_OPERATOR = _VIEWER | {"run.cancel", "run.retry", "run.pause", "run.settle", "workflow.pause"}
_ADMIN = (
    _BUILDER | _OPERATOR | {"mcp.manage", "model.manage", "member.manage", "workspace.manage", "audit.read"}
)

VERBS: Final[Mapping[str, frozenset[str]]] = {
    Role.VIEWER: _VIEWER,
    Role.AGENT: _AGENT,
    Role.BUILDER: _BUILDER,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _ADMIN,
}

PUBLIC: Final = "public"
SIGNED_IN: Final = "signed_in"

# Route (as Django's resolver names it) -> method -> verb.
ROUTES: Final[Mapping[str, Mapping[str, str]]] = {
    # pages
    "": {"GET": "workspace.read"},
    "try-example": {"POST": "run.start"},
    "healthz": {"GET": PUBLIC},
    "readyz": {"GET": PUBLIC},
    "favicon.ico": {"GET": PUBLIC},
    "sign-in": {"GET": PUBLIC, "POST": PUBLIC},
    "sign-out": {"POST": SIGNED_IN},
    "workspaces/<slug:slug>": {"POST": SIGNED_IN},
    "workflows": {"GET": "workflow.read", "POST": "workflow.edit"},
    "workflows/<uuid:workflow_id>": {"GET": "workflow.read"},
    "workflows/<uuid:workflow_id>/pause": {"POST": "workflow.pause"},
    "workflows/<uuid:workflow_id>/resume": {"POST": "workflow.pause"},
    "workflows/<uuid:workflow_id>/archive": {"POST": "workflow.edit"},
    "workflows/<uuid:workflow_id>/restore": {"POST": "workflow.edit"},
    "runs": {"GET": "run.read"},
    "runs/<uuid:run_id>": {"GET": "run.read"},
    "inbox": {"GET": "inbox.read"},
    "inbox/<uuid:item_id>": {"GET": "inbox.read", "POST": "inbox.answer"},
    "inbox/count": {"GET": "workspace.read"},
    "mcp-servers": {"GET": "mcp.read"},
    "mcp-servers/new": {"GET": "mcp.manage", "POST": "mcp.manage"},
    "mcp-servers/import": {"GET": "mcp.manage", "POST": "mcp.manage"},
    "mcp-servers/<uuid:server_id>": {"GET": "mcp.read"},
    "mcp-servers/<uuid:server_id>/settings": {"GET": "mcp.manage", "POST": "mcp.manage"},
    "mcp-servers/<uuid:server_id>/refresh": {"POST": "mcp.manage"},
    "mcp-servers/<uuid:server_id>/doctor": {"POST": "mcp.manage"},
    "mcp-servers/<uuid:server_id>/inspector": {"GET": "mcp.call", "POST": "mcp.call"},
    "mcp-servers/<uuid:server_id>/tests": {"POST": "mcp.call"},
    "mcp-servers/<uuid:server_id>/tests/<uuid:test_id>/run": {"POST": "mcp.call"},
    "mcp-servers/<uuid:server_id>/tests/<uuid:test_id>/remove": {"POST": "mcp.call"},
    "mcp-servers/<uuid:server_id>/remove": {"POST": "mcp.manage"},
    # Their own accounts; that of the workspace is for admins, which the view looks at.
    "mcp-servers/<uuid:server_id>/connect": {"POST": "mcp.read"},
    "mcp-servers/<uuid:server_id>/disconnect": {"POST": "mcp.read"},
    "mcp-servers/oauth/callback": {"GET": SIGNED_IN},
    "mcp-servers/oauth/client.json": {"GET": PUBLIC},
    "mcp-servers/<uuid:server_id>/tools/<str:name>": {"GET": "mcp.read", "POST": "mcp.manage"},
    "mcp-servers/<uuid:server_id>/tools/<str:name>/call": {"POST": "mcp.call"},
    "model-connections": {"GET": "model.read"},
    "model-connections/new": {"GET": "model.manage", "POST": "model.manage"},
    "model-connections/<uuid:connection_id>": {"GET": "model.manage", "POST": "model.manage"},
    "model-connections/<uuid:connection_id>/test": {"POST": "model.manage"},
    "model-connections/<uuid:connection_id>/default": {"POST": "model.manage"},
    "model-connections/<uuid:connection_id>/remove": {"POST": "model.manage"},
    "settings": {"GET": "workspace.read"},
    "settings/profile": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "settings/workspace": {"GET": "workspace.read", "POST": "workspace.manage"},
    "settings/budgets": {"GET": "workspace.read", "POST": "workspace.manage"},
    "settings/members": {"GET": "member.read", "POST": "member.manage"},
    "settings/members/<uuid:membership_id>": {"POST": "member.manage"},
    "settings/tokens": {"GET": "token.own", "POST": "token.own"},
    "settings/tokens/<uuid:token_id>/revoke": {"POST": "token.own"},
    "settings/mcp": {"GET": "workspace.read"},
    "settings/programs": {"GET": "token.own"},
    "settings/programs/<uuid:grant_id>/disconnect": {"POST": "token.own"},
    "settings/audit": {"GET": "audit.read"},
    "forms/<str:token>": {"GET": PUBLIC, "POST": PUBLIC},
    # sign-in of programs (OAuth)
    ".well-known/oauth-protected-resource/mcp": {"GET": PUBLIC, "OPTIONS": PUBLIC},
    ".well-known/oauth-authorization-server": {"GET": PUBLIC, "OPTIONS": PUBLIC},
    ".well-known/mcp/server.json": {"GET": PUBLIC},
    "oauth/authorize": {"GET": SIGNED_IN},
    "oauth/consent": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "oauth/token": {"POST": PUBLIC, "OPTIONS": PUBLIC},
    "oauth/register": {"POST": PUBLIC, "OPTIONS": PUBLIC},
    "oauth/revoke": {"POST": PUBLIC, "OPTIONS": PUBLIC},
    # API
    "api/v1/openapi.json": {"GET": PUBLIC},
    "api/v1/node-types": {"GET": "workflow.read"},
    "api/v1/graphs/check": {"POST": "workflow.read"},
    "api/v1/workflows": {"GET": "workflow.read", "POST": "workflow.edit"},
    "api/v1/workflows/import": {"POST": "workflow.edit"},
    "api/v1/workflows/<uuidstr:workflow_id>": {
        "GET": "workflow.read",
        "PATCH": "workflow.edit",
        "DELETE": "workflow.edit",
    },
    "api/v1/workflows/<uuidstr:workflow_id>/restore": {"POST": "workflow.edit"},
    "api/v1/workflows/<uuidstr:workflow_id>/draft": {"PUT": "workflow.edit"},
    "api/v1/workflows/<uuidstr:workflow_id>/publish": {"POST": "workflow.publish"},
    "api/v1/workflows/<uuidstr:workflow_id>/pause": {"POST": "workflow.pause"},
    "api/v1/workflows/<uuidstr:workflow_id>/resume": {"POST": "workflow.pause"},
    "api/v1/workflows/<uuidstr:workflow_id>/versions": {"GET": "workflow.read"},
    "api/v1/workflows/<uuidstr:workflow_id>/versions/<int:number>": {"GET": "workflow.read"},
    "api/v1/workflows/<uuidstr:workflow_id>/versions/<int:number>/publish": {"POST": "workflow.publish"},
    "api/v1/workflows/<uuidstr:workflow_id>/export": {"GET": "workflow.read"},
    "api/v1/workflows/<uuidstr:workflow_id>/runs": {"POST": "run.start"},
    "api/v1/workflows/<uuidstr:workflow_id>/watches/<str:node>/look": {"POST": "run.start"},
    "api/v1/workflows/<uuidstr:workflow_id>/webhooks/<str:node>/secrets": {
        "GET": "workflow.edit",
        "POST": "workflow.publish",
    },
    "api/v1/workflows/<uuidstr:workflow_id>/webhooks/<str:node>/secrets/<uuidstr:key_id>": {
        "DELETE": "workflow.publish",
    },
    "api/v1/runs": {"GET": "run.read"},
    "api/v1/runs/counts": {"GET": "run.read"},
    "api/v1/runs/<uuidstr:run_id>": {"GET": "run.read"},
    "api/v1/runs/<uuidstr:run_id>/steps": {"GET": "run.read"},
    "api/v1/runs/<uuidstr:run_id>/events": {"GET": "run.read"},
    "api/v1/runs/<uuidstr:run_id>/cancel": {"POST": "run.cancel"},
    "api/v1/runs/<uuidstr:run_id>/pause": {"POST": "run.pause"},
    "api/v1/runs/<uuidstr:run_id>/resume": {"POST": "run.pause"},
    "api/v1/runs/<uuidstr:run_id>/retry": {"POST": "run.retry"},
    "api/v1/runs/<uuidstr:run_id>/replay": {"POST": "run.retry"},
    "api/v1/runs/<uuidstr:run_id>/steps/<path:path>/settle": {"POST": "run.settle"},
    "api/v1/inbox": {"GET": "inbox.read"},
    "api/v1/inbox/<uuidstr:item_id>": {"GET": "inbox.read"},
    "api/v1/inbox/<uuidstr:item_id>/answer": {"POST": "inbox.answer"},
    "api/v1/mcp-servers": {"GET": "mcp.read", "POST": "mcp.manage"},
    "api/v1/mcp-servers/import": {"POST": "mcp.manage"},
    "api/v1/mcp-servers/<uuidstr:server_id>": {
        "GET": "mcp.read",
        "PATCH": "mcp.manage",
        "DELETE": "mcp.manage",
    },
    "api/v1/mcp-servers/<uuidstr:server_id>/refresh": {"POST": "mcp.manage"},
    "api/v1/mcp-servers/<uuidstr:server_id>/doctor": {"POST": "mcp.manage"},
    "api/v1/mcp-servers/<uuidstr:server_id>/inspect": {"POST": "mcp.call"},
    "api/v1/mcp-servers/<uuidstr:server_id>/health": {"GET": "mcp.read"},
    "api/v1/mcp-servers/<uuidstr:server_id>/dependents": {"GET": "mcp.read"},
    "api/v1/mcp-servers/<uuidstr:server_id>/resources": {"GET": "mcp.read"},
    "api/v1/mcp-servers/<uuidstr:server_id>/prompts": {"GET": "mcp.read"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tests": {"GET": "mcp.read", "POST": "mcp.call"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tests/<uuidstr:test_id>": {"DELETE": "mcp.call"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tests/<uuidstr:test_id>/run": {"POST": "mcp.call"},
    "api/v1/mcp-servers/<uuidstr:server_id>/suggestions": {"POST": "mcp.call"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tools": {"GET": "mcp.read"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tools/<str:name>": {"PATCH": "mcp.manage"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tools/<str:name>/approve": {"POST": "mcp.manage"},
    "api/v1/mcp-servers/<uuidstr:server_id>/tools/<str:name>/call": {"POST": "mcp.call"},
    "api/v1/model-connections": {"GET": "model.read", "POST": "model.manage"},
    "api/v1/model-connections/<uuidstr:connection_id>": {
        "GET": "model.read",
        "PATCH": "model.manage",
        "DELETE": "model.manage",
    },
    "api/v1/model-connections/<uuidstr:connection_id>/test": {"POST": "model.manage"},
    "api/v1/members": {"GET": "member.read", "POST": "member.manage"},
    "api/v1/members/<uuidstr:membership_id>": {"PATCH": "member.manage", "DELETE": "member.manage"},
    "api/v1/tokens": {"GET": "token.own", "POST": "token.own"},
    "api/v1/tokens/<uuidstr:token_id>": {"DELETE": "token.own"},
    "api/v1/vars": {"GET": "workflow.read", "PUT": "workspace.manage"},
    "api/v1/workspace/limits": {"GET": "workspace.read", "PATCH": "workspace.manage"},
    "api/v1/audit": {"GET": "audit.read"},
}

# Socket path -> verb.
SOCKETS: Final[Mapping[str, str]] = {
    "ws/runs/<uuid:run_id>": "run.read",
}

# Mounted beside Django, path -> method -> verb; what is asked for there has a verb of its own, below.
MOUNTED: Final[Mapping[str, Mapping[str, str]]] = {
    "mcp": {"POST": "workspace.read"},
    "hooks/<str:token>": {"POST": PUBLIC},
}

# What the MCP endpoint offers -> verb. Each published workflow with a tool trigger is one more tool.
MCP_WORKFLOW_TOOL: Final = "run.start"
MCP_TOOLS: Final[Mapping[str, str]] = {
    "list_workflows": "workflow.read",
    "describe_workflow": "workflow.read",
    "run_workflow": "run.start",
    "list_runs": "run.read",
    "get_run": "run.read",
    "cancel_run": "run.cancel",
    "list_inbox": "inbox.read",
    "answer_inbox_item": "inbox.answer",
}
MCP_RESOURCES: Final[Mapping[str, str]] = {
    "patchbay://workflows/{slug}": "workflow.read",
    "patchbay://workflows/{slug}/versions/{number}": "workflow.read",
    "patchbay://runs/{run_id}": "run.read",
}
MCP_PROMPTS: Final[Mapping[str, str]] = {"use_this_workspace": "workspace.read"}

# What a person can allow a program that signs in for them -> the verbs; the person's role limits it as well.
SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "mcp:read": frozenset({"workspace.read", "workflow.read", "run.read"}),
    "mcp:run": frozenset({"run.start", "run.cancel"}),
    "mcp:inbox": frozenset({"inbox.read", "inbox.answer"}),
}


def may(role: str, verb: str) -> bool:
    """Whether a role is allowed a verb; an unknown role is allowed nothing."""
    return verb in VERBS.get(role, frozenset())


def verb_of(route: str, method: str) -> str | None:
    """The verb that a route asks for a method; None for one that is not declared."""
    methods = ROUTES.get(route)
    if methods is None:
        return None
    return methods.get("GET" if method == "HEAD" else method)
