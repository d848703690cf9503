from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RuntimeConfig(AppConfig):
    name = "runtime"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from runtime.models import WorkspaceLimits
        from runtime.settings_revisions import count_changes_of, lay_triggers

        count_changes_of(WorkspaceLimits)
        post_migrate.connect(lay_triggers, sender=self, dispatch_uid="lay the triggers of settings")
