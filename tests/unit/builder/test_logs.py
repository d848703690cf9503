"""What a line of the log says, and what it does not."""

from __future__ import annotations

import logging

from django.test import RequestFactory

from builder.http.logs import LineFormatter


def line(message: str, *given: object, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "django.request", "levelname": "WARNING", "msg": message, "args": given, **extra}
    )
    return LineFormatter().format(record)


def test_what_was_added_follows_the_sentence() -> None:
    assert line("host started", action="host", cap_mib=3).endswith(
        "WARNING django.request  host started  action=host cap_mib=3"
    )


def test_keys_in_addresses_and_queries_are_left_out() -> None:
    request = RequestFactory().get("/forms/key-1/sent?code=key-2")
    said = line("Not Found: %s", request.path, request=request, status_code=404)
    assert said.endswith("Not Found: /forms/…/sent  status_code=404")
    assert "http://here/hooks/… failed" in line("http://here/hooks/key-1 failed")
