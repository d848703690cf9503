"""Whether a delivery may start its workflow, by the trigger's `auth`.

Signatures are those of https://www.standardwebhooks.com: HMAC-SHA256 over `id.timestamp.body`, as it was sent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Iterable, Mapping

from builder.http.errors import Invalid, ProblemError

TOLERANCE_S = 300
SIGNING_PREFIX = "whsec_"
SIGNING_BYTES = range(24, 65)
PASSWORD_LENGTH = range(16, 501)


def refuse_unless_genuine(
    auth: Mapping[str, str], secrets: Iterable[str], headers: Mapping[str, str], body: bytes
) -> None:
    """Pass a delivery that one of the secrets vouches for.

    auth      the trigger's own, any kind but `address`
    headers   case-insensitive; their values as Django reads them
    body      the bytes as they came

    raises    ProblemError (401 webhook_unauthorized, webhook_signature_invalid, webhook_timestamp_invalid)
    """
    match auth["kind"]:
        case "standard_webhooks":
            _refuse_unless_signed(secrets, headers, body)
        case "bearer":
            scheme, _, given = headers.get("authorization", "").partition(" ")
            _refuse_unless_known(secrets, given.strip() if scheme.lower() == "bearer" else "")
        case _:
            _refuse_unless_known(secrets, headers.get(auth["name"], ""))


def usable_secret(kind: str, secret: str) -> str:
    """The secret as it is kept, if deliveries of this kind can be judged by it; raises Invalid."""
    secret = secret.strip()
    if kind == "standard_webhooks":
        if _signing_key(secret) is None:
            raise _refused(
                f"A signing secret is {SIGNING_PREFIX} and {SIGNING_BYTES[0]} to {SIGNING_BYTES[-1]} bytes in base64."
            )
    elif len(secret) not in PASSWORD_LENGTH or not (secret.isascii() and secret.isprintable()):
        raise _refused(
            f"A secret is {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[-1]} letters, digits and signs of ASCII."
        )
    return secret


def _refuse_unless_signed(secrets: Iterable[str], headers: Mapping[str, str], body: bytes) -> None:
    # Header values were read as latin-1, which gives the bytes back.
    delivery, moment, signatures = (
        headers.get(f"webhook-{name}", "").encode("latin-1") for name in ("id", "timestamp", "signature")
    )
    signed = b".".join([delivery, moment, body])
    given = [
        value for version, _, value in (one.partition(b",") for one in signatures.split()) if version == b"v1"
    ]
    keys = [key for key in map(_signing_key, secrets) if key is not None]
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    # Every pair is compared, so that the time says nothing of which one fits.
    fits = [hmac.compare_digest(one, value) for one in expected for value in given]
    if not (delivery and any(fits)):
        raise ProblemError(
            401,
            "webhook_signature_invalid",
            "The delivery is not signed with this trigger's secret: webhook-id, webhook-timestamp and "
            "webhook-signature must fit the body as it was sent.",
        )
    if not moment.isdigit() or abs(time.time() - int(moment[:15])) > TOLERANCE_S:
        raise ProblemError(
            401,
            "webhook_timestamp_invalid",
            f"webhook-timestamp is more than {TOLERANCE_S // 60} minutes away from the time here. "
            "Sign each try anew, and look at the sender's clock.",
        )


def _refuse_unless_known(secrets: Iterable[str], given: str) -> None:
    fits = [hmac.compare_digest(secret.encode(), given.encode("latin-1")) for secret in secrets]
    if not (given and any(fits)):
        raise ProblemError(
            401, "webhook_unauthorized", "The delivery does not carry this trigger's secret where it belongs."
        )


def _signing_key(secret: str) -> bytes | None:
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(SIGNING_PREFIX) and len(key) in SIGNING_BYTES else None


def _refused(sentence: str) -> Invalid:
    return Invalid("invalid_request", sentence, {"fields": [{"field": "secret", "message": sentence}]})
