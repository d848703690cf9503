from django.apps import AppConfig


class LlmConnectionsConfig(AppConfig):
    name = "builder.llm_connections"

    def ready(self) -> None:
        from builder.llm_connections.models import ModelConnection
        from runtime.settings_revisions import count_changes_of

        count_changes_of(ModelConnection, besides=ModelConnection.NO_SETTINGS)
