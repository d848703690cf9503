"""The first minutes of a fresh installation: sign in, run the example, answer it, see the result."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor, picture
from tests.support.product import Embedded


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Embedded]:
    embedded = Embedded(tmp_path)
    embedded.start()
    yield embedded
    embedded.stop()


def test_a_visitor_sees_a_first_success_within_ninety_seconds(
    browser: Browser, fresh: Embedded, record_property: Callable[[str, str], None]
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    visitor = Visitor(context, fresh.base)
    started = time.monotonic()

    page = visitor.sign_in()
    expect(page.get_by_role("heading", name="See it work: a late parcel")).to_be_visible()
    page.get_by_role("button", name="Run the example").click()
    page.wait_for_url(re.compile(r"/runs/"))
    expect(page.get_by_text("Refund 129 € for order #12347?")).to_be_visible(timeout=15_000)
    picture(page, "first-run-waits")
    page.get_by_role("link", name="Open inbox").click()
    expect(page.get_by_role("heading", name="Refund 129 € for order #12347?")).to_be_visible()
    page.get_by_role("button", name="Refund", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/"))
    expect(page.get_by_text("We have refunded 129 € for order #12347").first).to_be_visible(timeout=15_000)
    picture(page, "first-run-done")

    took = time.monotonic() - started
    record_property("First success of a new visitor", f"after {took:.1f} s")
    assert took < 90
    assert visitor.complaints == []
    context.close()
