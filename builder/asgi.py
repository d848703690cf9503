"""The web application: pages and API by Django, sockets by Channels; static files, webhooks and the MCP endpoint before them."""

import os
from typing import Any

from runtime import garbage

garbage.start_without_looking()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack

from builder.http.shutdown import AnswersHeldRequests
from builder.http.static import StaticFiles
from builder.mcp_endpoint.endpoint import McpEndpoint
from builder.sockets import socket_urls
from builder.triggers.hooks import WebhookEndpoint
from runtime.engine.process import publish_hints_to_broker

publish_hints_to_broker()

application: Any = ProtocolTypeRouter(
    {
        "http": AnswersHeldRequests(StaticFiles(WebhookEndpoint(McpEndpoint(_django)))),
        "websocket": AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter(socket_urls))),
    }
)
garbage.leave_what_is_here()
