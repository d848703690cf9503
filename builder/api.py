"""The REST API: assembly only. OpenAPI at /api/v1/openapi.json."""

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.security import APIKeyCookie, HttpBearer

from builder.accounts.api import router as accounts
from builder.accounts.models import ApiToken, User
from builder.budgets.api import router as budgets
from builder.http.errors import install
from builder.http.json_body import parsed
from builder.http.openapi import DescribedApi
from builder.inbox.api import router as inbox
from builder.llm_connections.api import router as llm_connections
from builder.mcp_servers.api import router as mcp_servers
from builder.mcp_servers.tool_test_api import router as mcp_tests
from builder.monitoring.api import router as monitoring
from builder.triggers.api import router as triggers
from builder.workflows.api import router as workflows
from runtime.engine.values import storable


class Token(HttpBearer):
    """An API token; the middleware has read it."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        return getattr(request, "api_token", None)


class Session(APIKeyCookie):
    """The session cookie of a signed-in person, with the CSRF token on everything that changes."""

    param_name = "patchbay_session"

    def __init__(self) -> None:
        super().__init__(csrf=True)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        user = request.user
        return user if isinstance(user, User) and user.is_active else None


class StorableJson(Parser):
    """Bodies as JSON that every database can store; what is no JSON, or too deep, is a bad request."""

    def parse_body(self, request: HttpRequest) -> Any:
        return storable(parsed(request.body), what="The body")


api = DescribedApi(
    parser=StorableJson(),
    title="Patchbay",
    version="1",
    docs_url=None,
    auth=[Token(), Session()],
    urls_namespace="api",
)
install(api)


def _assemble(routers: list[Any]) -> None:
    for router in routers:
        api.add_router("", router)


_assemble(
    [workflows, triggers, monitoring, inbox, mcp_servers, mcp_tests, llm_connections, budgets, accounts]
)
