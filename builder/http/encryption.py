"""Secrets at rest: AES-GCM, bound to the row and field they belong to, with the key's id in the value.

A value copied to another row, or altered, does not open.
"""

import base64
import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A stored secret does not open: another key, another row, or an altered value."""


def seal(plain: str, *, place: str) -> str:
    """Encrypt a text for one place (`table:row:field`)."""
    key_id = next(iter(settings.ENCRYPTION_KEYS))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(key_id).encrypt(nonce, plain.encode(), place.encode())
    return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(value: str, *, place: str) -> str:
    """The text that was sealed for this place; raises SecretUnreadable."""
    key_id, _, encoded = value.partition(".")
    if key_id not in settings.ENCRYPTION_KEYS:
        raise SecretUnreadable(f"the key {key_id!r} is not among PATCHBAY_ENCRYPTION_KEYS")
    try:
        raw = base64.urlsafe_b64decode(encoded)
        return _cipher(key_id).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretUnreadable(f"the secret of {place} does not open") from error


def keyed_hash(value: str) -> str:
    """A hash for looking a secret up that cannot be guessed without the installation's key."""
    return hmac.new(settings.SECRET_KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=16)
def _cipher(key_id: str) -> AESGCM:
    return AESGCM(settings.ENCRYPTION_KEYS[key_id])
