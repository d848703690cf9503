"""What a program asked for, on its way through the person's browser to the consent page: signed, for ten minutes."""

from __future__ import annotations

from django.core import signing
from pydantic import BaseModel

SALT = "oauth.consent"
LIFE_S = 600


class Asked(BaseModel):
    """A checked authorization request."""

    client_id: str
    scopes: list[str]
    state: str | None
    code_challenge: str
    redirect_uri: str
    redirect_uri_provided_explicitly: bool

    def signed(self) -> str:
        return signing.dumps(self.model_dump(), salt=SALT, compress=True)

    @staticmethod
    def opened(text: str) -> Asked:
        """Raises BadSignature for a text that was changed or is too old."""
        return Asked.model_validate(signing.loads(text, salt=SALT, max_age=LIFE_S))

    @property
    def for_exchange(self) -> dict[str, object]:
        """What the exchange of the code must match."""
        return self.model_dump(include={"code_challenge", "redirect_uri", "redirect_uri_provided_explicitly"})
