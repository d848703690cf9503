"""Who calls the endpoint, kept on the request's scope for the tools."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from builder.accounts.access import Member

SCOPE_KEY = "patchbay.caller"
SESSION_HEADER = "mcp-session-id"


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
