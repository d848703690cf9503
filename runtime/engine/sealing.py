"""Sealed messages between the processes of one installation, over a broker that should neither read nor make them up.

AES-GCM under a key of the process that seals, which every other derives from the installation's secret and the salt
that the message carries; a counter as nonce, so that none is used twice.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from pydantic_core import to_json

SALT_BYTES, NONCE_BYTES = 16, 12
MAX_BYTES = 16_384
"""What is larger is looked up by whoever wants it: it would only be copied from message to message."""


def seal(value: Any, *, about: str) -> str:
    """Plain values as a text that opens only for who asks about the same; empty for what is too large to be brought along."""
    content = to_json(value, fallback=str)
    if len(content) > MAX_BYTES:
        return ""
    salt, numbers = _of_process(os.getpid())
    nonce = next(numbers).to_bytes(NONCE_BYTES, "big")
    return b64encode(salt + nonce + _cipher(salt).encrypt(nonce, content, about.encode())).decode()


def unseal(text: str, *, about: str) -> Any:
    """The values; None for what was made elsewhere, altered, or sealed about something else."""
    try:
        raw = b64decode(text, validate=True)
        salt, nonce, sealed = (
            raw[:SALT_BYTES],
            raw[SALT_BYTES:][:NONCE_BYTES],
            raw[SALT_BYTES + NONCE_BYTES :],
        )
        return json.loads(_cipher(salt).decrypt(nonce, sealed, about.encode()))
    except (InvalidTag, ValueError):
        return None


@lru_cache(maxsize=1)
def _of_process(pid: int) -> tuple[bytes, itertools.count[int]]:
    """By the process, so that one that was forked does not go on with the numbers of its parent."""
    return os.urandom(SALT_BYTES), itertools.count()


@lru_cache(maxsize=256)
def _cipher(salt: bytes) -> AESGCM:
    key = hashlib.blake2b(salt, key=hashlib.sha256(settings.SECRET_KEY.encode()).digest(), digest_size=32)
    return AESGCM(key.digest())
