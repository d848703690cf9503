"""A real browser on the real product. Every page is watched for errors, CSP reports among them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.product import ROOT, Embedded

SCREENSHOTS = ROOT / "screenshots"
PASSWORD = "patchbay-demo"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with its module: Playwright keeps an event loop running, which asyncio tests cannot share."""
    if CHROMIUM is None:
        message = "Chromium was not found; install it or set CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


SESSIONS: dict[tuple[str, str], list[Any]] = {}
"""(address, role) -> the cookies that its first sign-in left."""


class Visitor:
    """A person at a browser: signed in, and watched for what the page complains about."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.page: Page = context.new_page()
        self.base = base
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda note: self._note(note.type, note.text))

    def _note(self, kind: str, text: str) -> None:
        # A refused form answers 422 and a second answer 409: those are meant.
        if kind == "error" and "status of 4" not in text:
            self.complaints.append(text)

    def sign_in(self, role: str = "admin") -> Page:
        """With the form the first time; then the session of that time goes on, as in a browser that was opened again."""
        session = SESSIONS.get((self.base, role))
        if session is None:
            self.page.goto(f"{self.base}/sign-in")
            self.page.get_by_label("E-mail").fill(f"{role}@demo.example")
            self.page.get_by_label("Password").fill(PASSWORD)
            self.page.get_by_role("button", name="Sign in").click()
            self.page.wait_for_url(f"{self.base}/")
            SESSIONS[self.base, role] = self.page.context.cookies()
        else:
            self.page.context.add_cookies(session)
            self.page.goto(self.base)
        return self.page


@pytest.fixture
def make_visitor(browser: Browser, product: Embedded) -> Iterator[Any]:
    """A function that makes visitors; at the end none of their pages may have complained."""
    made: list[tuple[BrowserContext, Visitor]] = []

    def make(width: int = 1440, height: int = 900, scheme: str = "light") -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="en-GB",
            permissions=["clipboard-read", "clipboard-write"],
        )
        visitor = Visitor(context, product.base)
        made.append((context, visitor))
        return visitor

    yield make
    for context, visitor in made:
        context.close()
        assert visitor.complaints == []


@pytest.fixture
def page(make_visitor: Any) -> Page:
    """The admin's browser at 1440 x 900."""
    return make_visitor().sign_in()


def picture(page: Page, name: str) -> Path:
    """Keep what the page looks like now."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path
