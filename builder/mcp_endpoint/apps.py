from importlib import import_module

from django.apps import AppConfig


class McpEndpointConfig(AppConfig):
    name = "builder.mcp_endpoint"

    def ready(self) -> None:
        # Its functions register themselves with builder.workflows, which lies below and must not import them.
        import_module("builder.mcp_endpoint.offered")
