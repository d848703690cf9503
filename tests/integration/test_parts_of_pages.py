"""Parts of pages share the address of their page, and no browser may take one for the other."""

from __future__ import annotations

import pytest

from tests.support.person import Person
from tests.support.product import Embedded


@pytest.mark.parametrize("address", ["/runs", "/inbox?show=open"])
def test_a_part_is_never_kept_under_the_address_of_its_page(product: Embedded, address: str) -> None:
    with Person(product.base) as person:
        page = person.http.get(address)
        part = person.http.get(address, headers={"HX-Request": "true"})
    assert "<html" in page.text
    assert "<html" not in part.text
    assert "no-store" in part.headers["cache-control"]
    for answer in (page, part):
        assert "HX-Request" in answer.headers["vary"]
