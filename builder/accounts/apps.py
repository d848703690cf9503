from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "builder.accounts"

    def ready(self) -> None:
        from builder.accounts.models import Workspace
        from runtime.settings_revisions import count_changes_of

        count_changes_of(Workspace, workspace="{row}.id", besides=Workspace.NO_SETTINGS)
