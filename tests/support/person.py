"""A person at a browser without pictures: signs in and answers the pages on which programs ask for consent."""

from __future__ import annotations

import re
from html import unescape
from types import TracebackType
from typing import Self

import httpx2

PASSWORD = "patchbay-demo"


class SignedIn:
    """A client that is signed in to the product; a context manager."""

    def __init__(self, base: str, email: str, password: str) -> None:
        self.base, self.email, self.password = base, email, password
        self.http = httpx2.Client(base_url=base, timeout=30, trust_env=False, follow_redirects=False)
        assert self.post("/sign-in", page="/sign-in", email=email, password=password).status_code == 302

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def post(self, path: str, *, page: str, **fields: str) -> httpx2.Response:
        """Post a form as the page at `page` would."""
        shown = self.http.get(page)
        assert shown.status_code == 200, shown.text
        return self.http.post(path, data={**hidden_fields(shown.text), **fields})


class Person(SignedIn):
    """Of the demo."""

    def __init__(self, base: str, role: str = "builder") -> None:
        super().__init__(base, f"{role}@demo.example", PASSWORD)

    def asked(self, authorization_url: str) -> str:
        """Follow a program's link as far as the consent page; its path."""
        answer = self.http.get(authorization_url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def decide(self, authorization_url: str, decision: str = "allow", workspace: str = "demo") -> str:
        """Answer the consent page; where the browser is sent."""
        consent = self.asked(authorization_url)
        assert consent.startswith("/oauth/consent"), consent
        answer = self.post("/oauth/consent", page=consent, decision=decision, workspace=workspace)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


def hidden_fields(html: str) -> dict[str, str]:
    """What a page's form sends besides what is filled in."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html)
    return {name: unescape(value) for name, value in found}
