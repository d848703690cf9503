from importlib import import_module

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    name = "builder.triggers"

    def ready(self) -> None:
        # Its functions register themselves with builder.workflows, which lies below and must not import them.
        for name in ("addresses", "failures", "schedules", "watches", "webhook_keys"):
            import_module(f"builder.triggers.{name}")

        from builder.triggers.models import Address
        from builder.workflows.models import Workflow
        from runtime.settings_revisions import count_changes_of

        workflows = Workflow._meta.db_table
        count_changes_of(
            Address,
            workspace=f"(SELECT workspace_id FROM {workflows} WHERE id = {{row}}.workflow_id)",  # noqa: S608
            besides=Address.NO_SETTINGS,
        )
