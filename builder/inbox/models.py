"""What people must answer: one item for each step that waits for a person."""

from django.db import models
from django.utils import timezone

from builder.accounts.models import User, Workspace
from builder.workflows.models import Workflow
from runtime.identifiers import new_id


class InboxItem(models.Model):
    """A handoff as the person sees it; made and closed in the engine's own transactions.

    question   of a server in the middle of a call, else null: mode ("form", "url", "sampling"), server, server_name, tool,
               requested_schema, url, and held: whether the server's connection is kept open until the answer; for
               sampling also messages, model and max_tokens
    remind_at  from when on it is overdue, and also for those whom it escalates to, if `escalate_kind` is not empty
    """

    class Status(models.TextChoices):
        OPEN = "open", "Waiting"
        ANSWERED = "answered", "Answered"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="inbox_items")
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="+")
    run_id = models.UUIDField(db_index=True)
    path = models.CharField(max_length=400)
    wait_key = models.CharField(max_length=120, unique=True)
    title = models.CharField(max_length=300)
    message = models.TextField(blank=True)
    data = models.JSONField(default=list)
    choices = models.JSONField(default=list)
    fields = models.JSONField(default=list)
    question = models.JSONField(null=True)
    assign_kind = models.CharField(max_length=8, default="anyone")
    assign_value = models.CharField(max_length=254, blank=True)
    remind_at = models.DateTimeField(null=True)
    # The defaults are the database's, so that workers of the release before can go on writing items.
    escalate_kind = models.CharField(max_length=8, blank=True, db_default="")
    escalate_value = models.CharField(max_length=254, blank=True, db_default="")
    due_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    answered_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["workspace", "status", "-id"], name="inbox_open")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_overdue(self) -> bool:
        """Nobody has answered, and the reminder was due when `items_for` read the item."""
        return self.status == self.Status.OPEN and bool(getattr(self, "is_reminded", False))

    @property
    def choice_title(self) -> str:
        """What was chosen, in the words of its button."""
        chosen = str((self.answer or {}).get("choice", ""))
        titles = {str(choice["id"]): str(choice.get("title") or choice["id"]) for choice in self.choices}
        return titles.get(chosen, chosen)
