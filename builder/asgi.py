"""The web application: pages and API by Django, sockets by Channels, the MCP endpoint; static files before all."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator

from builder.http.static import StaticFiles
from builder.mcp_endpoint.endpoint import McpEndpoint
from builder.sockets import socket_urls
from runtime.engine.process import publish_hints_to_broker

publish_hints_to_broker()

application: Any = ProtocolTypeRouter(
    {
        "http": StaticFiles(McpEndpoint(_django)),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(socket_urls))),
    }
)
