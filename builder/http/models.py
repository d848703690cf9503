from django.db import models

from runtime.identifiers import new_id


class IdempotencyKey(models.Model):
    """A key that came with a request, and what was answered."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.UUIDField()
    route = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Two requests with one key cannot both act.
            models.UniqueConstraint(fields=["scope", "route", "key"], name="one_answer_per_key"),
        ]

    def __str__(self) -> str:
        return self.key
