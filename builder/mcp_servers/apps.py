from django.apps import AppConfig


class McpServersConfig(AppConfig):
    name = "builder.mcp_servers"
