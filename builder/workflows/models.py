"""Workflows as people edit them: a draft, numbered versions, and which one is live."""

from django.db import models
from django.utils import timezone

from builder.accounts.models import User, Workspace
from runtime.identifiers import new_id
from runtime.models import Graph


class Workflow(models.Model):
    """The editable thing: a name, a draft graph, published versions."""

    NO_SETTINGS = ("description", "draft", "revision", "created_at", "updated_at", "updated_by_id")
    """What no run that is started goes by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="workflows")
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, max_length=2000)
    draft = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=1)
    live_version = models.ForeignKey(
        "Version", null=True, blank=True, on_delete=models.SET_NULL, related_name="live_in"
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            # Commands, imports and sub-workflows name a workflow by its slug.
            models.UniqueConstraint(fields=["workspace", "slug"], name="one_workflow_per_slug"),
        ]
        indexes = [models.Index(fields=["workspace", "-updated_at"], name="workflow_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None


class Version(models.Model):
    """A frozen, numbered, immutable graph of a workflow."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    graph = models.ForeignKey(Graph, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(default=timezone.now)
    published_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            # Version 3 of a workflow is one thing for ever.
            models.UniqueConstraint(fields=["workflow", "number"], name="one_graph_per_version"),
        ]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.workflow} v{self.number}"
