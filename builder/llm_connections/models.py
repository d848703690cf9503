"""Model connections: a provider, its address, its key and its models."""

from django.db import models as db
from django.utils import timezone

from builder.accounts.models import Workspace
from builder.http.encryption import seal, unseal
from runtime.identifiers import new_id


class ModelConnection(db.Model):
    """A provider that speaks the OpenAI-compatible API; the key is written once and never shown.

    requests_per_minute, tokens_per_minute   over all workers; null for as many as are wanted
    counted_minute, counted_requests         how often it was asked in the minute it was last asked in
    """

    NO_SETTINGS = ("counted_minute", "counted_requests", "status", "error", "tested_at")
    """What calls and trials write."""

    class Status(db.TextChoices):
        UNKNOWN = "unknown", "Not tried yet"
        OK = "ok", "Works"
        ERROR = "error", "Does not work"

    id = db.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = db.ForeignKey(Workspace, on_delete=db.CASCADE, related_name="model_connections")
    slug = db.SlugField(max_length=63)
    name = db.CharField(max_length=120)
    preset = db.CharField(max_length=16)
    base_url = db.URLField(max_length=500)
    sealed_key = db.TextField(blank=True)
    models = db.JSONField(default=list)
    default_model = db.CharField(max_length=200)
    prices = db.JSONField(default=dict, blank=True)
    structured_output = db.CharField(max_length=16, default="auto")
    requests_per_minute = db.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = db.PositiveBigIntegerField(null=True, blank=True)
    counted_minute = db.DateTimeField(null=True, blank=True)
    counted_requests = db.PositiveIntegerField(default=0)
    is_default = db.BooleanField(default=False)
    is_demo = db.BooleanField(default=False)
    status = db.CharField(max_length=8, choices=Status.choices, default=Status.UNKNOWN)
    error = db.JSONField(null=True, blank=True)
    tested_at = db.DateTimeField(null=True, blank=True)
    created_at = db.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # A graph names a model by `<slug>/<model>`.
            db.UniqueConstraint(fields=["workspace", "slug"], name="one_connection_per_slug"),
            # `default` means one model.
            db.UniqueConstraint(
                fields=["workspace"], condition=db.Q(is_default=True), name="one_default_connection"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def api_key(self) -> str:
        """The key; only the worker asks for it."""
        return unseal(self.sealed_key, place=f"model_connection:{self.pk}:key") if self.sealed_key else ""

    def set_api_key(self, key: str) -> None:
        self.sealed_key = seal(key, place=f"model_connection:{self.pk}:key") if key else ""
