"""Programs that are known by their metadata document: read through a host, kept for an hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.utils import timezone
from mcp.shared.auth import OAuthClientMetadata
from pydantic import ValidationError

from builder.http.waiting import errand_result
from builder.oauth_server.clients import details_of, name_of, redirect_problem
from builder.oauth_server.models import Client
from runtime.mcp.oauth_documents import DocumentUnreadable, is_document_address

KEPT_FOR = timedelta(hours=1)
TIMEOUT_S = 10.0


async def take_document(client_id: str, workspace_id: UUID) -> None:
    """Know the program behind this id if it is the address of a document.

    workspace_id   whose host is asked: that of the person at the browser
    raises         PatchbayError when the document cannot be read or taken
    """
    if len(client_id) > 500 or not is_document_address(client_id):
        return
    known = await Client.objects.filter(client_id=client_id).afirst()
    if known and known.fetched_at and timezone.now() - known.fetched_at < KEPT_FOR:
        return
    document = await errand_result(workspace_id, "oauth.client_document", {"url": client_id}, TIMEOUT_S)
    metadata = _checked(client_id, document)
    facts = {
        "kind": Client.Kind.DOCUMENT,
        "name": name_of(metadata, urlsplit(client_id).netloc),
        "details": details_of(metadata),
        "fetched_at": timezone.now(),
    }
    await Client.objects.aupdate_or_create(client_id=client_id, defaults=facts)


def _checked(client_id: str, document: dict[str, Any]) -> OAuthClientMetadata:
    try:
        metadata = OAuthClientMetadata.model_validate({**document, "token_endpoint_auth_method": "none"})
    except ValidationError as error:
        raise DocumentUnreadable(f"{client_id} is no description of a program.") from error
    # A document is public, so a program that is known by one cannot have a secret.
    if document.get("token_endpoint_auth_method", "none") != "none" or "client_secret" in document:
        raise DocumentUnreadable(f"{client_id} asks for a kind of authentication that is not possible here.")
    if problem := redirect_problem(metadata.redirect_uris):
        raise DocumentUnreadable(f"{client_id}: {problem}")
    return metadata
