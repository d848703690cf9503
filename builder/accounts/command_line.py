"""Who acts when a management command does."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.management.base import CommandError

from builder.accounts.access import Member, member_of
from builder.accounts.matrix import Role
from builder.accounts.models import Membership, Workspace


@dataclass(frozen=True)
class CommandLine:
    """The person at the terminal, as the audit log names them."""

    actor: str = "command line"
    via: str = "command"


def workspace_named(slug: str) -> Workspace:
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise CommandError(f'There is no workspace "{slug}".')
    return workspace


def admin_of(workspace: Workspace) -> Member:
    """The first admin, in whose name a command acts."""
    membership = (
        Membership.objects.filter(workspace=workspace, role=Role.ADMIN).order_by("created_at").first()
    )
    if membership is None:
        raise CommandError(f'The workspace "{workspace.slug}" has no admin; add one with add_member.')
    return member_of(membership.user, workspace.pk)
