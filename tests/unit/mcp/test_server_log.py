"""What a server logs is kept within bounds and without secrets."""

from __future__ import annotations

import json

from runtime.gateways import McpServerSettings
from runtime.mcp.server_log import MAX_LINES, CallLog, LogLine, read_line, secrets_of

SERVER = McpServerSettings(
    "1",
    "w",
    "shop",
    "http",
    headers={"Authorization": "Bearer tok-12345", "X-Short": "on"},
    env={"SHOP_KEY": 'a "quoted" key'},
)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    data = {"sent": "Bearer tok-12345", "key": 'a "quoted" key', "on": "on"}

    line = read_line("info", "log of tok-12345", data, secrets_of(SERVER))

    assert json.loads(line.text) == {"sent": "•••", "key": "•••", "on": "on"}
    assert line.logger == "log of •••"


def test_the_cut_leaves_no_half_of_a_secret() -> None:
    line = read_line("info", None, "x" * 995 + "tok-12345", secrets_of(SERVER))

    assert "tok" not in line.text
    assert len(line.text) <= 1000


def test_a_call_tells_so_many_lines_and_that_there_were_more() -> None:
    told: list[LogLine] = []
    log = CallLog(told.append)
    for number in range(3 * MAX_LINES):
        log.take(LogLine("info", "", str(number)))

    assert len(told) == MAX_LINES
    assert told[-2].text == str(MAX_LINES - 2)
    assert "more" in told[-1].text
