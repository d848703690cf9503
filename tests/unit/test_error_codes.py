"""Every code that the product gives is explained in the reference."""

from __future__ import annotations

import re

from tests.support.product import ROOT

GIVEN = [
    re.compile(r'\bcode\s*=\s*"(\w+)"'),
    re.compile(r'\b(?:Invalid|Conflict)\(\s*"(\w+)"'),
    re.compile(r'\b(?:ProblemError|problem)\(\s*\d{3},\s*"(\w+)"'),
    re.compile(r'\bProblem\(\s*[^,()]+,\s*[^,()]+,\s*"(\w+)"'),
]


def test_every_error_code_is_in_the_reference() -> None:
    sources = [path for name in ("runtime", "builder") for path in (ROOT / name).rglob("*.py")]
    given = {code for path in sources for kind in GIVEN for code in kind.findall(path.read_text())}
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "reference" / "errors.md").read_text()))
    assert len(given) > 40
    assert given - documented == set()
