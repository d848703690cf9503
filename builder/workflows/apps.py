from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "builder.workflows"

    def ready(self) -> None:
        from builder.workflows.models import Workflow
        from runtime.settings_revisions import count_changes_of

        count_changes_of(Workflow, besides=Workflow.NO_SETTINGS)
