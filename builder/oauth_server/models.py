"""Programs that sign in for people: who they are, what each was allowed, and the codes and tokens of that."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from django.db import models
from django.utils import timezone

from builder.accounts.models import Membership
from builder.http.encryption import seal, unseal
from runtime.identifiers import new_id


class Client(models.Model):
    """A program, as it registered itself or as its metadata document describes it.

    client_id         our own UUID, or the address of the document
    details           its metadata (RFC 7591), without the secret
    registered_from   keyed hash of the address that registered it; only for the limit on registrations
    fetched_at        when the document was read last
    """

    class Kind(models.TextChoices):
        REGISTERED = "registered", "Registered itself"
        DOCUMENT = "document", "Metadata document"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    client_id = models.CharField(max_length=500, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=120)
    details = models.JSONField(default=dict)
    sealed_secret = models.TextField(blank=True)
    registered_from = models.CharField(max_length=64, blank=True)
    fetched_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str | None:
        return unseal(self.sealed_secret, place=self._place) if self.sealed_secret else None

    def set_secret(self, value: str | None) -> None:
        self.sealed_secret = seal(value, place=self._place) if value else ""

    @property
    def proven_host(self) -> str:
        """The host that vouches for the name; empty for a program that only says so itself."""
        return urlsplit(self.client_id).netloc if self.kind == self.Kind.DOCUMENT else ""

    @property
    def _place(self) -> str:
        return f"oauth_client:{self.pk}:secret"


class Grant(models.Model):
    """What a person allowed a program in one workspace. It dies with the membership.

    resource     the address that its tokens are good for
    expires_at   when its last token does
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="grants")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="grants")
    scopes = models.JSONField(default=list)
    resource = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.client} for {self.membership}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.membership.user.is_active


class Code(models.Model):
    """An authorization code, stored as a hash and exchanged once.

    request   what the program asked for, as its exchange must match it
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, related_name="code")
    hash = models.CharField(max_length=64, unique=True)
    request = models.JSONField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"code of {self.grant_id}"


class Token(models.Model):
    """An access or refresh token, stored as a hash. A refresh token is used once; a second use ends the grant."""

    class Kind(models.TextChoices):
        ACCESS = "access", "Access"
        REFRESH = "refresh", "Refresh"

    LIFE = {Kind.ACCESS: timedelta(hours=1), Kind.REFRESH: timedelta(days=30)}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} token of {self.grant_id}"
