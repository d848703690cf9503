"""Who is calling, in which workspace, and whether the matrix lets them: the only place that decides.

A caller is a person at a page (session) or a token. Objects are found through the workspaces of the caller,
so that a foreign id answers like a missing one (404); a role that lacks the verb gets 403.
"""

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.crypto import constant_time_compare
from ninja.errors import AuthenticationError

from builder.accounts.matrix import PUBLIC, SCOPES, SIGNED_IN, SOCKETS, VERBS, may, verb_of
from builder.accounts.models import ApiToken, Membership, User, Workspace

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Member:
    """A caller in one workspace, with the role that counts here.

    program   the name of the program that acts for the person, signed in by OAuth
    scopes    what the person allowed that program; None where nothing but the role limits the caller
    """

    user: User
    workspace: Workspace
    role: str
    token: ApiToken | None = None
    program: str = ""
    scopes: frozenset[str] | None = None

    def may(self, verb: str) -> bool:
        return may(self.role, verb) and not self.lacks_scope(verb)

    def lacks_scope(self, verb: str) -> bool:
        return self.scopes is not None and not any(verb in SCOPES[scope] for scope in self.scopes)

    @property
    def actor(self) -> str:
        return self.user.email

    @property
    def via(self) -> str:
        if self.program:
            return f"program {self.program}"[:120]
        return f"token {self.token.name}" if self.token else "browser"

    @property
    def can(self) -> dict[str, bool]:
        """What pages show or hide; the server asks the matrix again in any case."""
        return {
            "edit": self.may("workflow.edit"),
            "publish": self.may("workflow.publish"),
            "run": self.may("run.start"),
            "operate": self.may("run.cancel"),
            "retry": self.may("run.retry"),
            "pause_run": self.may("run.pause"),
            "settle": self.may("run.settle"),
            "pause": self.may("workflow.pause"),
            "answer": self.may("inbox.answer"),
            "call_tools": self.may("mcp.call"),
            "manage_mcp": self.may("mcp.manage"),
            "manage_models": self.may("model.manage"),
            "manage_members": self.may("member.manage"),
            "read_audit": self.may("audit.read"),
        }


def caller_of(request: HttpRequest) -> User | ApiToken:
    """The token or the person behind a request; raises AuthenticationError for nobody."""
    token = getattr(request, "api_token", None)
    if isinstance(token, ApiToken):
        return token
    user = request.user
    if isinstance(user, User) and user.is_active:
        return user
    raise AuthenticationError()


def calling_member(request: HttpRequest) -> Member:
    """The caller in the workspace of a list or create call, allowed the route's verb.

    The workspace is the token's, else the one named by `X-Workspace` or kept in the session, else the first.
    """
    caller = caller_of(request)
    if isinstance(caller, ApiToken):
        return _allowed(request, member_by_token(caller))
    slug = request.headers.get("X-Workspace") or request.session.get("workspace")
    memberships = Membership.objects.filter(user=caller).select_related("workspace", "user")
    named = memberships.filter(workspace__slug=slug).first() if slug else None
    if named is None and request.headers.get("X-Workspace"):
        raise Http404
    membership = named or memberships.order_by("created_at").first()
    if membership is None:
        raise PermissionDenied
    return _allowed(request, _member(membership))


def member_for(request: HttpRequest, workspace_id: UUID) -> Member:
    """The caller in the workspace of an object, allowed the route's verb; 404 if they do not belong to it."""
    caller = caller_of(request)
    if isinstance(caller, ApiToken):
        if caller.membership.workspace_id != workspace_id:
            raise Http404
        return _allowed(request, member_by_token(caller))
    return _allowed(request, member_of(caller, workspace_id))


def member_of(user: User, workspace_id: UUID) -> Member:
    """The person as a member of a workspace; raises Http404 if they are none."""
    membership = (
        Membership.objects.filter(user=user, workspace_id=workspace_id)
        .select_related("workspace", "user")
        .first()
    )
    if membership is None or not user.is_active:
        raise Http404
    return _member(membership)


def require_listener(session_key: str | None, workspace_id: UUID, route: str) -> None:
    """Raises, as for a request, unless whoever is signed in by this session now may listen at a socket of the workspace."""
    member = member_of(_signed_in(session_key), workspace_id)
    if not member.may(SOCKETS[route]):
        raise PermissionDenied


def _signed_in(session_key: str | None) -> User:
    """By the session as it is stored now; Http404 for one that was ended, by signing out or by another password."""
    session = SessionStore(session_key)
    person = session.get(SESSION_KEY)
    user = User.objects.filter(pk=person).first() if person else None
    said = session.get(HASH_SESSION_KEY, "")
    if user is None or not constant_time_compare(said, user.get_session_auth_hash()):
        raise Http404
    return user


def object_for(request: HttpRequest, rows: QuerySet[Row], **lookup: Any) -> tuple[Row, Member]:
    """An object that carries `workspace_id`, and the caller as a member there with the route's verb."""
    row = rows.filter(**lookup).first()
    if row is None:
        caller_of(request)
        raise Http404
    return row, member_for(request, row.workspace_id)  # type: ignore[attr-defined]


def _member(membership: Membership, token: ApiToken | None = None) -> Member:
    return Member(membership.user, membership.workspace, membership.role, token)


def member_by_token(token: ApiToken) -> Member:
    """A token acts with its own role, and never with more than its owner has today."""
    owner = token.membership.role
    weaker = token.role if _includes(owner, token.role) else owner
    return Member(token.membership.user, token.membership.workspace, weaker, token)


def _includes(role: str, other: str) -> bool:
    return VERBS[other] <= VERBS[role]


def _allowed(request: HttpRequest, member: Member) -> Member:
    match = request.resolver_match
    verb = verb_of(match.route if match else "", request.method or "GET")
    if verb is None:
        raise Http404
    if verb not in {PUBLIC, SIGNED_IN} and not member.may(verb):
        raise PermissionDenied
    return member
