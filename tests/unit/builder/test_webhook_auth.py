"""Telling genuine deliveries: signatures by the specification, tokens, headers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import time_machine

from builder.http.errors import Invalid, ProblemError
from builder.triggers.webhook_auth import refuse_unless_genuine, usable_secret
from tests.support.signing import signature

# The example that libraries of the specification are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
SIGNED = {"kind": "standard_webhooks"}


def verdict(
    headers: dict[str, str], *, body: bytes = BODY, secrets: Any = (SECRET,), at: int = 1614265330
) -> str:
    with time_machine.travel(at, tick=False):
        try:
            refuse_unless_genuine(SIGNED, secrets, headers, body)
        except ProblemError as problem:
            return problem.code if problem.status == 401 else f"status {problem.status}"
    return "genuine"


def test_the_example_of_the_specification_is_genuine() -> None:
    assert verdict(HEADERS) == "genuine"


def test_one_fitting_signature_or_secret_of_several_is_enough() -> None:
    signatures = f"v1a,AAAA v1,{'A' * 43}= {HEADERS['webhook-signature']} v1,"
    assert verdict(HEADERS | {"webhook-signature": signatures}, secrets=[OTHER, SECRET]) == "genuine"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": HEADERS["webhook-signature"].removeprefix("v1,")},
        {"webhook-signature": HEADERS["webhook-signature"].replace("v1", "v2")},
        {"webhook-signature": HEADERS["webhook-signature"][:-3]},
        {"webhook-signature": "v1,\xe9\xff"},
    ],
)
def test_a_header_that_does_not_fit_is_refused(change: dict[str, str]) -> None:
    assert verdict(HEADERS | change) == "webhook_signature_invalid"


@pytest.mark.parametrize("body", [b"", b'{"test":2432232314}', BODY + b"\n"])
def test_a_body_that_was_not_signed_is_refused(body: bytes) -> None:
    assert verdict(HEADERS, body=body) == "webhook_signature_invalid"


def test_without_a_secret_nothing_is_genuine() -> None:
    assert verdict(HEADERS, secrets=[]) == "webhook_signature_invalid"


@pytest.mark.parametrize(
    ("away_s", "expected"),
    [
        (299, "genuine"),
        (-299, "genuine"),
        (301, "webhook_timestamp_invalid"),
        (-301, "webhook_timestamp_invalid"),
    ],
)
def test_a_delivery_is_genuine_for_five_minutes(away_s: int, expected: str) -> None:
    assert verdict(HEADERS, at=1614265330 + away_s) == expected


def test_a_moment_that_is_no_number_is_refused_although_it_is_signed() -> None:
    moment = "1" * 400
    for words in (moment, "soon", "-5"):
        fitting = signature(SECRET, "m", words, BODY)  # type: ignore[arg-type]
        headers = {"webhook-id": "m", "webhook-timestamp": words, "webhook-signature": fitting}
        assert verdict(headers) == "webhook_timestamp_invalid"


@pytest.mark.parametrize(
    ("auth", "headers", "is_genuine"),
    [
        ({"kind": "bearer"}, {"authorization": "Bearer a long password"}, True),
        ({"kind": "bearer"}, {"authorization": "bearer  a long password"}, True),
        ({"kind": "bearer"}, {"authorization": "Basic a long password"}, False),
        ({"kind": "bearer"}, {"authorization": "Bearer another password"}, False),
        ({"kind": "bearer"}, {"authorization": "Bearer "}, False),
        ({"kind": "bearer"}, {}, False),
        ({"kind": "header", "name": "x-key"}, {"x-key": "a long password"}, True),
        ({"kind": "header", "name": "x-key"}, {"x-key": "a long passwor"}, False),
        ({"kind": "header", "name": "x-key"}, {"x-key": "\xe9"}, False),
        ({"kind": "header", "name": "x-key"}, {"authorization": "Bearer a long password"}, False),
    ],
)
def test_a_password_counts_only_where_it_belongs(
    auth: dict[str, str], headers: dict[str, str], is_genuine: bool
) -> None:
    if is_genuine:
        refuse_unless_genuine(auth, ["x" * 20, "a long password"], headers, b"")
        return
    with pytest.raises(ProblemError) as refused:
        refuse_unless_genuine(auth, ["x" * 20, "a long password"], headers, b"")
    assert (refused.value.status, refused.value.code) == (401, "webhook_unauthorized")


def test_a_secret_that_is_given_is_kept_as_it_is() -> None:
    assert usable_secret("standard_webhooks", f" {SECRET}\n") == SECRET
    assert usable_secret("bearer", "0123456789abcdef") == "0123456789abcdef"


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("standard_webhooks", SECRET.removeprefix("whsec_")),
        ("standard_webhooks", "whsec_c2hvcnQ="),
        ("standard_webhooks", "whsec_" + base64.b64encode(b"l" * 65).decode()),
        ("standard_webhooks", "whsec_not base64 at all!"),
        ("bearer", "too short"),
        ("header", "with a line\nbreak in it"),
        ("header", "ümläute im geheimnis"),
        ("header", "x" * 501),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused(kind: str, secret: str) -> None:
    with pytest.raises(Invalid) as refused:
        usable_secret(kind, secret)
    assert refused.value.details["fields"][0]["field"] == "secret"
