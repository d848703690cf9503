from importlib import import_module

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    name = "builder.triggers"

    def ready(self) -> None:
        # Its functions register themselves with builder.workflows, which lies below and must not import them.
        for name in ("addresses", "failures", "schedules", "watches", "webhook_keys"):
            import_module(f"builder.triggers.{name}")
