"""Asking the sender of a webhook for a signature: chosen, published, told once, replaced, removed."""

from __future__ import annotations

from typing import Any

import httpx2
from playwright.sync_api import Page, expect

from tests.browser.conftest import picture
from tests.browser.test_every_page import findings
from tests.support.product import Api, a_document, a_node
from tests.support.signing import signed

GRAPH = a_document(
    [
        a_node("start", "webhook_trigger"),
        a_node("tell", "reply", {"text": "Done"}, position={"x": 320, "y": 0}),
    ],
    "start>tell",
)


def status_of(address: str, secret: str, delivery: str) -> int:
    with httpx2.Client(timeout=20, trust_env=False) as http:
        return http.post(address, content=b"{}", headers=signed(secret, delivery, b"{}")).status_code


def test_a_webhook_asks_for_a_signature_and_its_secret_is_replaced(
    page: Page, product: Any, api: Api
) -> None:
    workflow = api("POST", "/workflows", {"name": "Signed by the shop", "graph": GRAPH})
    page.goto(f"{product.base}/workflows/{workflow['id']}")
    page.locator('.react-flow__node[data-id="start"]').click()
    settings = page.get_by_role("region", name="Settings")
    settings.get_by_label("Who may start it").select_option(label="Who signs it (Standard Webhooks)")
    expect(settings.get_by_text("Publishing makes one")).to_be_visible()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()

    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog")
    address = dialog.get_by_label("Webhook address", exact=True).input_value()
    secret = dialog.get_by_label("Secret", exact=True).input_value()
    assert status_of(address, secret, "first") == 202
    picture(page, "webhook-secret-told")
    assert findings(page) == []
    dialog.get_by_role("button", name="Close").click()

    settings.get_by_role("button", name="New secret").click()
    page.get_by_label("Secrets from before").select_option(label="End at once")
    page.get_by_role("button", name="Make a secret").click()
    newer = page.get_by_role("dialog").get_by_label("Secret", exact=True).input_value()
    assert findings(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    assert (status_of(address, secret, "second"), status_of(address, newer, "third")) == (401, 202)
    expect(settings.get_by_text("In use")).to_have_count(1)
    picture(page, "webhook-secrets")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    settings.get_by_role("button", name="New secret").scroll_into_view_if_needed()
    picture(page, "webhook-secrets-narrow-dark")
    assert findings(page) == []
    settings.get_by_role("button", name="New secret").click()
    picture(page, "webhook-new-secret-narrow-dark")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.set_viewport_size({"width": 1440, "height": 900})

    page.once("dialog", lambda asked: asked.accept())
    settings.get_by_role("button", name="Remove the secret made").click()
    expect(settings.get_by_text("Publishing makes one")).to_be_visible()
    assert status_of(address, newer, "fourth") == 401
