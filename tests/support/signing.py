"""A sender of signed webhooks, written by the specification and by nothing of the product."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time


def signature(secret: str, delivery: str, moment: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{delivery}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def signed(
    secret: str, delivery: str, body: bytes, *, late_s: int = 0, content_type: str = "application/json"
) -> dict[str, str]:
    """The headers of one delivery."""
    moment = int(time.time()) - late_s
    return {
        "content-type": content_type,
        "webhook-id": delivery,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(secret, delivery, moment, body),
    }
