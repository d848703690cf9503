from django.db import models
from django.utils import timezone

from runtime.identifiers import new_id


class AuditEntry(models.Model):
    """Who did what to which object; written in the transaction of the change itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=254)
    via = models.CharField(max_length=120, default="")
    verb = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=200, default="")
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_name}"
