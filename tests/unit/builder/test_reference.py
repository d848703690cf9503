"""The stored reference says what the code does."""

from __future__ import annotations

import pytest

from builder.installation.reference import reference_files
from tests.support.product import ROOT


@pytest.mark.parametrize("name", ["openapi.json", "functions.md", "steps.md"])
def test_the_stored_reference_is_up_to_date(name: str) -> None:
    stored = (ROOT / "docs" / "reference" / name).read_text()
    assert stored == reference_files()[name], "run `make reference` and look at the difference"
