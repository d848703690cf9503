"""A workspace of a test's own, so that what is counted in it is what the test did."""

from __future__ import annotations

import uuid

from builder.accounts.actions import add_member
from builder.accounts.command_line import CommandLine
from builder.accounts.matrix import Role
from builder.accounts.models import Workspace
from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, manage_all


def own_workspace(place: Embedded | Cluster, *roles: str) -> dict[str, Api]:
    """Role -> its API, in a new workspace; admin is always there."""
    slug = f"own-{uuid.uuid4().hex[:12]}"
    people = {role: f"{role}@{slug}.example" for role in ("admin", *roles)}
    printed = manage_all(
        ["create_workspace", slug],
        *(["add_member", email, "--workspace", slug, "--role", role] for role, email in people.items()),
        *(
            ["create_token", "--user", email, "--workspace", slug, "--role", role]
            for role, email in people.items()
        ),
        env=place.env,
    )
    tokens = printed.splitlines()[-len(people) :]
    return {role: Api(place.base, token.strip()) for role, token in zip(people, tokens, strict=True)}


def shop_with_every_role() -> Workspace:
    """A workspace in the test's own database, with a member `<role>@shop.example` of each role."""
    workspace = Workspace.objects.create(slug="shop", name="Shop")
    for role in Role:
        add_member(
            CommandLine(), workspace, email=f"{role}@shop.example", role=role, password="a long password"
        )
    return workspace
