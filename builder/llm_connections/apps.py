from django.apps import AppConfig


class LlmConnectionsConfig(AppConfig):
    name = "builder.llm_connections"
