"""Who calls the endpoint, kept on the request's scope for the tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid5

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from builder.accounts.access import Member

SCOPE_KEY = "patchbay.caller"
SESSION_HEADER = "mcp-session-id"

Found = TypeVar("Found")


@dataclass
class Caller:
    """A token's or program's member.

    session   of the older protocol, bound to the token; None where there is none
    is_gone   the caller has closed the connection
    """

    member: Member
    session: UUID | None = None
    is_gone: bool = False


def session_of(credential: UUID, header: str) -> UUID | None:
    """A text that only this token or grant can mean: someone else's session id leads nowhere."""
    return uuid5(credential, header) if header else None


async def in_database(function: Callable[..., Found], *arguments: Any) -> Found:
    """Call a function that uses the database; its connection is given back at once, however long the request takes.

    These requests pass by Django's handler, whose signals would do so.
    """

    def work() -> Found:
        try:
            return function(*arguments)
        finally:
            close_old_connections()

    return await sync_to_async(work)()
