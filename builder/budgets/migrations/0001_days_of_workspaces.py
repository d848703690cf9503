from typing import Any

from django.db import migrations


def tell_time_zones(apps: Any, schema_editor: Any) -> None:
    """Days of counts and budgets are those of the workspace; nothing to undo, for a row limits nothing."""
    limits = apps.get_model("runtime", "WorkspaceLimits")
    for workspace in apps.get_model("accounts", "Workspace").objects.exclude(timezone="UTC"):
        limits.objects.get_or_create(pk=workspace.pk, defaults={"timezone": workspace.timezone})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("runtime", "0006_counts_spending_and_limits")]

    operations = [migrations.RunPython(tell_time_zones, migrations.RunPython.noop)]
