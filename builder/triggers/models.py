"""What outside events start a workflow, and what they delivered."""

from django.db import models
from django.utils import timezone

from builder.http.encryption import keyed_hash, seal, unseal
from builder.workflows.models import Workflow
from runtime.identifiers import new_id


class Address(models.Model):
    """A secret address of one trigger; it belongs to (workflow, node) and survives publishes."""

    NO_SETTINGS = ("sealed_token", "created_at")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="addresses")
    node = models.CharField(max_length=63)
    kind = models.CharField(max_length=8, choices=[("hook", "Webhook"), ("form", "Form")])
    token_hash = models.CharField(max_length=64, unique=True)
    sealed_token = models.TextField()
    is_live = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "node", "kind"], name="one_address_per_trigger"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} {self.node}"

    @property
    def token(self) -> str:
        return unseal(self.sealed_token, place=f"address:{self.pk}:token")

    @property
    def path(self) -> str:
        return f"/{'hooks' if self.kind == 'hook' else 'forms'}/{self.token}"

    def set_token(self, token: str) -> None:
        self.token_hash = keyed_hash(token)
        self.sealed_token = seal(token, place=f"address:{self.pk}:token")


class WebhookKey(models.Model):
    """A secret of a webhook trigger; it belongs to (workflow, node), whatever version is live.

    kind         the `auth` that it is for
    valid_until  set once another has taken its place; None for as long as it is the newest
    is_told      false for one that publishing made, until somebody has been shown it
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="webhook_keys")
    node = models.CharField(max_length=63)
    kind = models.CharField(max_length=20)
    sealed_secret = models.TextField()
    valid_until = models.DateTimeField(null=True)
    is_told = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workflow", "node", "kind"], name="keys_of_a_webhook")]

    def __str__(self) -> str:
        return f"{self.workflow} {self.node}"

    @property
    def secret(self) -> str:
        return unseal(self.sealed_secret, place=f"webhook_key:{self.pk}:secret")

    def set_secret(self, secret: str) -> None:
        self.sealed_secret = seal(secret, place=f"webhook_key:{self.pk}:secret")


class FailureWatch(models.Model):
    """A failure trigger of a published workflow.

    slugs    the workflows whose failures it waits for; empty for all but its own
    is_live  false once the live version has no such trigger any more
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="failure_watches")
    node = models.CharField(max_length=63)
    slugs = models.JSONField(default=list)
    is_live = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "node"], name="one_watch_per_trigger"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} {self.node}"


class Delivery(models.Model):
    """One delivery that carried an id: the same id starts no second run. Kept for 30 days."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    address = models.ForeignKey(Address, on_delete=models.CASCADE, related_name="deliveries")
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    run_id = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["address", "key"], name="one_run_per_delivery"),
        ]

    def __str__(self) -> str:
        return self.key
