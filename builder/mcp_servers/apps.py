from django.apps import AppConfig
from django.db.models.signals import pre_delete


class McpServersConfig(AppConfig):
    name = "builder.mcp_servers"

    def ready(self) -> None:
        from builder.mcp_servers.models import Account

        # Also when a person leaves the workspace, or a server is removed: their accounts go by cascade.
        pre_delete.connect(_revoke, sender=Account, dispatch_uid="revoke accounts at MCP servers")


def _revoke(sender: object, instance: object, **_: object) -> None:
    from builder.mcp_servers.models import Account
    from builder.mcp_servers.oauth import revoke_account

    if isinstance(instance, Account):
        revoke_account(instance)
