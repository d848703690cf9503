"""Names of time zones."""

from __future__ import annotations

from runtime.time_zones import is_zone


def test_zones_are_those_of_the_tz_database() -> None:
    assert is_zone("Europe/Berlin")
    assert is_zone("UTC")
    assert not any(map(is_zone, ["", "Berlin", "Europe", "Europe/Nowhere", "../etc/passwd", "CEST+2"]))
