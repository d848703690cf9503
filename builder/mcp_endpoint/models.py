"""What the MCP endpoint keeps: the tools that workflows offer, and calls that a later request may cancel."""

from django.db import models
from django.utils import timezone

from builder.accounts.models import Workspace
from builder.workflows.models import Workflow
from runtime.identifiers import new_id


class OfferedTool(models.Model):
    """A tool trigger of a live version, written at publish so that a listing reads no graph.

    output_schema   of the structured result, where every reply of the workflow has a known form
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="offered_tools")
    node = models.CharField(max_length=63)
    name = models.CharField(max_length=64)
    description = models.TextField(blank=True)
    input_schema = models.JSONField(default=dict)
    output_schema = models.JSONField(null=True)

    class Meta:
        constraints = [
            # A caller names a tool and nothing else, so a name leads to one workflow.
            models.UniqueConstraint(fields=["workspace", "name"], name="one_workflow_per_tool_name"),
        ]

    def __str__(self) -> str:
        return self.name


class OpenCall(models.Model):
    """A call in a session of the older protocol: there, another request says that it is cancelled."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    session = models.UUIDField()
    request = models.CharField(max_length=100)
    run_id = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [models.Index(fields=["session", "request"], name="open_call")]

    def __str__(self) -> str:
        return f"{self.session} {self.request}"
