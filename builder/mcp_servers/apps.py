from django.apps import AppConfig
from django.db.models.signals import pre_delete


class McpServersConfig(AppConfig):
    name = "builder.mcp_servers"

    def ready(self) -> None:
        from builder.mcp_servers.models import Account, McpServer, McpTool
        from runtime.settings_revisions import count_changes_of

        servers = McpServer._meta.db_table
        count_changes_of(McpServer, besides=McpServer.NO_SETTINGS)
        count_changes_of(
            McpTool,
            workspace=f"(SELECT workspace_id FROM {servers} WHERE id = {{row}}.server_id)",  # noqa: S608
            besides=McpTool.NO_SETTINGS,
        )
        # Also when a person leaves the workspace, or a server is removed: their accounts go by cascade.
        pre_delete.connect(_revoke, sender=Account, dispatch_uid="revoke accounts at MCP servers")


def _revoke(sender: object, instance: object, **_: object) -> None:
    from builder.mcp_servers.models import Account
    from builder.mcp_servers.oauth import revoke_account

    if isinstance(instance, Account):
        revoke_account(instance)
