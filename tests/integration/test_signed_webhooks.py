"""S11: what is forged, altered or too old starts nothing; what is genuine starts one run, whichever key signed it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.support.product import Api, Embedded, a_document, a_node, eventually
from tests.support.signing import signature, signed

BODY = b'{"order": 7}'


class Hook:
    """A published webhook with a secret, and who posts to it."""

    def __init__(self, api: Api, name: str, auth: dict[str, Any]) -> None:
        self.api = api
        graph = a_document(
            [
                a_node("start", "webhook_trigger", {"auth": auth}),
                a_node("end", "reply", {"data": "{{ trigger }}"}),
            ],
            "start>end",
        )
        self.id = api("POST", "/workflows", {"name": name, "graph": graph})["id"]
        trigger = self.publish()["triggers"][0]
        self.url, self.secret = trigger["url"], trigger["secret"]

    @property
    def secrets(self) -> str:
        return f"/workflows/{self.id}/webhooks/start/secrets"

    def publish(self) -> Any:
        return self.api("POST", f"/workflows/{self.id}/publish", {})

    def post(self, headers: dict[str, str], body: bytes = BODY) -> httpx2.Response:
        with httpx2.Client(timeout=20, trust_env=False) as http:
            return http.post(self.url, content=body, headers=headers)

    def refused(self, headers: dict[str, str], body: bytes = BODY) -> str:
        """The code, once it is sure that no run exists."""
        before = self.runs()
        answer = self.post(headers, body)
        assert answer.status_code == 401, answer.text
        assert self.runs() == before
        code: str = answer.json()["code"]
        return code

    def started(self, headers: dict[str, str], body: bytes = BODY) -> str:
        answer = self.post(headers, body)
        assert answer.status_code == 202, answer.text
        run: str = answer.json()["run_id"]
        return run

    def runs(self) -> int:
        return len(self.api("GET", f"/runs?workflow={self.id}&limit=100")["items"])


@pytest.fixture(scope="module")
def hook(api: Api) -> Hook:
    return Hook(api, "Signed deliveries", {"kind": "standard_webhooks"})


def test_a_signed_delivery_starts_a_run_with_what_was_sent(hook: Hook) -> None:
    run = hook.started(signed(hook.secret, "genuine-1", BODY))
    given = hook.api.run_until(run, "succeeded")["result"]
    assert given["body"] == {"order": 7}
    assert "webhook-signature" not in given["headers"]


def test_what_was_not_signed_by_its_sender_starts_nothing(hook: Hook) -> None:
    genuine = signed(hook.secret, "corpus", BODY)
    unsigned = {name: value for name, value in genuine.items() if name != "webhook-signature"}
    other = signed(hook.secret, "corpus-other", BODY)
    forged = "webhook_signature_invalid"
    assert hook.refused({"content-type": "application/json"}) == forged
    assert hook.refused(unsigned) == forged
    assert hook.refused(genuine | {"webhook-signature": "v1,AAAA"}) == forged
    assert hook.refused(genuine | {"webhook-signature": other["webhook-signature"]}) == forged
    assert hook.refused(genuine | {"webhook-id": "corpus-2"}) == forged
    assert hook.refused(genuine | {"webhook-timestamp": str(int(genuine["webhook-timestamp"]) + 1)}) == forged
    assert hook.refused(genuine, b'{"order": 8}') == forged
    assert hook.refused(genuine, json.dumps(json.loads(BODY), separators=(",", ":")).encode()) == forged
    assert hook.refused(genuine, b"{ no json") == forged
    form = b'--b\r\ncontent-disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    assert hook.refused(genuine | {"content-type": "multipart/form-data; boundary=b"}, form) == forged
    for late_s in (360, -360):
        old = signed(hook.secret, f"late{late_s}", BODY, late_s=late_s)
        assert hook.refused(old) == "webhook_timestamp_invalid"


def test_a_delivery_that_is_sent_again_is_the_same_run(hook: Hook) -> None:
    headers = signed(hook.secret, "again", BODY)
    run = hook.started(headers)
    assert hook.started(headers) == run
    assert hook.started(headers | {"Idempotency-Key": "another"}) == run
    assert hook.started(signed(hook.secret, "again", BODY, late_s=-3)) == run
    answer = hook.post(headers | {"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_mismatch")


def test_what_was_taken_before_a_pause_is_answered_during_it_and_nothing_else(api: Api) -> None:
    hook = Hook(api, "Paused deliveries", {"kind": "standard_webhooks"})
    headers = signed(hook.secret, "before", BODY)
    run = hook.started(headers)
    api("POST", f"/workflows/{hook.id}/pause")

    assert hook.started(headers) == run
    new = hook.post(signed(hook.secret, "during", BODY))
    assert (new.status_code, new.json()["code"]) == (409, "workflow_paused")
    other = hook.post(headers | {"content-type": "text/plain"})
    assert other.json()["code"] == "idempotency_mismatch"


def test_while_a_secret_is_replaced_both_are_good(api: Api) -> None:
    hook = Hook(api, "Rotated deliveries", {"kind": "standard_webhooks"})
    made = api("POST", hook.secrets, {"kind": "standard_webhooks", "old_valid_for_s": 3600})
    assert made["secret"].startswith("whsec_")
    assert made["secret"] != hook.secret
    hook.started(signed(hook.secret, "old", BODY))
    hook.started(signed(made["secret"], "new", BODY))
    both = signed(hook.secret, "both", BODY)
    moment = int(both["webhook-timestamp"])
    both["webhook-signature"] = " ".join(
        ["v1,AAAA", signature(made["secret"], "both", moment, BODY), "v1a,AAAA"]
    )
    hook.started(both)
    api("POST", hook.secrets, {"kind": "standard_webhooks", "old_valid_for_s": 0})
    assert hook.refused(signed(hook.secret, "old-2", BODY)) == "webhook_signature_invalid"
    assert hook.refused(signed(made["secret"], "new-2", BODY)) == "webhook_signature_invalid"


def test_an_old_secret_ends_when_its_time_is_over(api: Api) -> None:
    hook = Hook(api, "Ending secret", {"kind": "standard_webhooks"})
    api("POST", hook.secrets, {"kind": "standard_webhooks", "old_valid_for_s": 1})
    numbers = iter(range(1000))

    def is_refused() -> bool:
        return hook.post(signed(hook.secret, f"n{next(numbers)}", BODY)).status_code == 401

    eventually(is_refused, within_s=10, what="the old secret having ended")
    assert len(api("GET", hook.secrets)["items"]) == 1


def test_a_secret_of_the_sender_is_taken_and_never_told(hook: Hook, api: Api) -> None:
    own = Hook(api, "Secret of the sender", {"kind": "standard_webhooks"})
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = api("POST", own.secrets, {"kind": "standard_webhooks", "secret": given, "old_valid_for_s": 0})
    assert made["secret"] is None
    own.started(signed(given, "theirs", BODY))
    told = [api("GET", own.secrets), api("GET", f"/workflows/{own.id}"), own.publish(), api("GET", "/audit")]
    told.append(api("GET", f"/workflows/{own.id}/export"))
    assert given not in json.dumps(told)
    assert own.secret not in json.dumps(told)
    fields = api("POST", own.secrets, {"kind": "standard_webhooks", "secret": "short"}, expect=422)
    assert fields["details"]["fields"][0]["field"] == "secret"


def test_a_secret_is_sealed_where_it_is_kept(product: Embedded, hook: Hook) -> None:
    import sqlite3

    with sqlite3.connect(f"{product.env['PATCHBAY_DATA_DIR']}/patchbay.sqlite3") as database:
        rows = database.execute("SELECT sealed_secret FROM triggers_webhookkey").fetchall()
    assert rows
    assert all("whsec_" not in sealed and hook.secret not in sealed for (sealed,) in rows)


def test_a_removed_secret_opens_nothing_and_publishing_makes_another(api: Api) -> None:
    hook = Hook(api, "Removed secret", {"kind": "bearer"})
    [row] = api("GET", hook.secrets)["items"]
    headers = {"Authorization": f"Bearer {hook.secret}"}
    hook.started(headers)
    api("DELETE", f"{hook.secrets}/{row['id']}", expect=204)
    assert hook.refused(headers) == "webhook_unauthorized"
    api("DELETE", f"{hook.secrets}/{row['id']}", expect=404)
    hook.started({"Authorization": f"Bearer {hook.publish()['triggers'][0]['secret']}"})


def test_a_secret_that_nobody_can_open_any_more_is_said_and_replaced(product: Embedded, api: Api) -> None:
    import sqlite3

    hook = Hook(api, "Lost key", {"kind": "bearer"})
    [row] = api("GET", hook.secrets)["items"]
    headers = {"Authorization": f"Bearer {hook.secret}"}
    hook.started(headers)
    with sqlite3.connect(f"{product.env['PATCHBAY_DATA_DIR']}/patchbay.sqlite3", timeout=20) as database:
        database.execute(
            "UPDATE triggers_webhookkey SET sealed_secret = 'gone.' || sealed_secret WHERE id = ?",
            [UUID(row["id"]).hex],
        )
    before, answer = hook.runs(), hook.post(headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "webhook_secret_unreadable")
    assert (answer.json()["retryable"], hook.runs()) == (True, before)
    hook.started({"Authorization": f"Bearer {hook.publish()['triggers'][0]['secret']}"})
    assert hook.refused(headers) == "webhook_unauthorized"


def test_a_secret_in_a_header_is_not_given_to_the_run(api: Api) -> None:
    hook = Hook(api, "Header with a secret", {"kind": "header", "name": "User-Agent"})
    run = hook.started({"User-Agent": hook.secret, "content-type": "application/json"})
    result = api.run_until(run, "succeeded")["result"]
    assert hook.secret not in json.dumps(result)
    assert hook.refused({"User-Agent": "curl"}) == "webhook_unauthorized"
    assert hook.refused({"Authorization": f"Bearer {hook.secret}"}) == "webhook_unauthorized"


def test_another_way_to_prove_needs_a_secret_of_its_own(api: Api) -> None:
    hook = Hook(api, "Changed mind", {"kind": "bearer"})
    workflow = api("GET", f"/workflows/{hook.id}")
    workflow["graph"]["nodes"][0]["config"]["auth"] = {"kind": "standard_webhooks"}
    body = {"graph": workflow["graph"], "revision": workflow["revision"]}
    api("PUT", f"/workflows/{hook.id}/draft", body)
    hook.started({"Authorization": f"Bearer {hook.secret}"})
    signing = hook.publish()["triggers"][0]["secret"]
    assert hook.refused({"Authorization": f"Bearer {hook.secret}"}) == "webhook_signature_invalid"
    hook.started(signed(signing, "changed", BODY))


def test_not_more_than_ten_secrets_are_valid_at_once(api: Api) -> None:
    hook = Hook(api, "Many secrets", {"kind": "bearer"})
    for _ in range(9):
        api("POST", hook.secrets, {"kind": "bearer"})
    refused = api("POST", hook.secrets, {"kind": "bearer"}, expect=409)
    assert refused["code"] == "too_many_secrets"
    hook.started({"Authorization": f"Bearer {hook.secret}"})


def test_only_who_may_publish_makes_secrets(product: Embedded, hook: Hook) -> None:
    viewer = product.api("viewer")
    viewer("GET", hook.secrets, expect=403)
    viewer("POST", hook.secrets, {"kind": "bearer"}, expect=403)
    assert hook.api("POST", hook.secrets.replace("start", "end"), {"kind": "bearer"}, expect=404)


def test_a_header_without_a_name_is_a_problem_of_the_draft(api: Api) -> None:
    graph = a_document(
        [
            a_node("start", "webhook_trigger", {"auth": {"kind": "header"}}),
            a_node("end", "reply", {"text": "x"}),
        ],
        "start>end",
    )
    problems = api("POST", "/graphs/check", {"graph": graph})["problems"]
    assert [(one["node"], one["field"], one["severity"]) for one in problems] == [
        ("start", "auth/name", "error")
    ]
