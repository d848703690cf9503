"""What a line of the log says, and what it does not."""

from __future__ import annotations

import logging

import pytest
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


@pytest.mark.parametrize("library", ["httpx2", "aiohttp.client", "openai._base_client", "mcp.client"])
def test_a_library_does_not_write_addresses_down_whatever_a_worker_is_asked_to_log(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    for logger in [logging.root.manager.loggerDict[name] for name in list(logging.root.manager.loggerDict)]:
        if isinstance(logger, logging.Logger):
            logger._cache.clear()  # type: ignore[attr-defined]
    assert not logging.getLogger(library).isEnabledFor(logging.INFO)


def test_keys_in_addresses_and_queries_are_left_out() -> None:
    request = RequestFactory().get("/forms/key-1/sent?code=key-2")
    said = line("Not Found: %s", request.path, request=request, status_code=404)
    assert said.endswith("Not Found: /forms/…/sent  status_code=404")
    assert "http://here/hooks/… failed" in line("http://here/hooks/key-1 failed")
