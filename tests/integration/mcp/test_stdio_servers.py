"""Stdio servers, well behaved and hostile, as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy
from tests.support.processes import ROOT, is_alive, until

Settings = Callable[..., McpServerSettings]


async def pid_of(pool: McpPool, settings: McpServerSettings) -> int:
    result = await pool.call_tool(settings, "echo", {}, timeout_s=10)
    return int(result.data["pid"])


async def failure(pool: McpPool, settings: McpServerSettings, tool: str, timeout_s: float = 10) -> McpError:
    with pytest.raises(McpError) as caught:
        await pool.call_tool(settings, tool, {}, timeout_s=timeout_s)
    return caught.value


async def test_the_listing_tells_server_version_and_tools(pool: McpPool, orders: McpServerSettings) -> None:
    listing = await pool.list_all(orders, timeout_s=10)

    assert (listing.server_name, listing.protocol_version) == ("orders", "2026-07-28")
    tool = next(tool for tool in listing.tools if tool.name == "get_order")
    assert tool.annotations["readOnlyHint"] is True
    assert tool.input_schema["required"] == ["order_id"]
    assert tool.output_schema is not None


async def test_a_result_comes_structured_and_as_text(pool: McpPool, orders: McpServerSettings) -> None:
    result = await pool.call_tool(orders, "get_order", {"order_id": "12345"}, timeout_s=10)

    assert result.structured["status"] == "in_transit"
    assert result.data == result.structured
    assert result.content[0]["type"] == "text"


async def test_two_calls_share_one_process(pool: McpPool, hostile: Settings) -> None:
    settings = hostile()

    assert await pid_of(pool, settings) == await pid_of(pool, settings)


async def test_parallel_first_calls_start_one_process(pool: McpPool, hostile: Settings) -> None:
    settings = hostile()

    assert len(set(await asyncio.gather(*(pid_of(pool, settings) for _ in range(5))))) == 1


async def test_another_revision_of_the_settings_gets_a_process_of_its_own(
    pool: McpPool, hostile: Settings
) -> None:
    first = await pid_of(pool, hostile(revision="1"))

    assert await pid_of(pool, hostile(revision="2")) != first


async def test_arguments_that_do_not_fit_are_named_and_never_sent(pool: McpPool, hostile: Settings) -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}

    with pytest.raises(McpError) as caught:
        await pool.call_tool(hostile(), "echo", {"amount": "ten"}, timeout_s=5, input_schema=schema)

    assert caught.value.code == "mcp_invalid_arguments"
    assert caught.value.message == 'The argument "amount" must be a number.'
    assert caught.value.details["sent"] is False
    assert pool.describe() == []


async def test_the_idempotency_key_travels_with_the_call(pool: McpPool, hostile: Settings) -> None:
    result = await pool.call_tool(hostile(), "metadata", {}, timeout_s=10, idempotency_key="run-7/refund")

    assert result.data["patchbay.dev/idempotency-key"] == "run-7/refund"


async def test_progress_is_told_while_the_tool_works(pool: McpPool, hostile: Settings) -> None:
    told: list[tuple[str, float | None]] = []

    await pool.call_tool(
        hostile(), "progress", {}, timeout_s=10, on_progress=lambda text, share: told.append((text, share))
    )

    assert told == [("Packing", 0.25)]


async def test_the_child_sees_its_own_settings_and_nothing_else(
    pool: McpPool, hostile: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "the worker's own")

    result = await pool.call_tool(hostile(env={"API_TOKEN": "abc"}), "environment", {}, timeout_s=10)

    assert result.data["API_TOKEN"] == "abc"
    assert "SECRET_KEY" not in result.data
    assert set(result.data) <= {
        "API_TOKEN", "HOME", "LANG", "LC_CTYPE", "LOGNAME", "PATH", "TERM", "TZ", "USER",
    }  # fmt: skip


async def test_junk_between_the_messages_does_no_harm(pool: McpPool, hostile: Settings) -> None:
    result = await pool.call_tool(hostile(), "junk_first", {}, timeout_s=10)

    assert result.text == "after the junk"


async def test_an_answer_right_before_the_end_still_counts(pool: McpPool, hostile: Settings) -> None:
    result = await pool.call_tool(hostile(), "answers_and_exits", {}, timeout_s=10)

    assert result.text == "the last words"


async def test_a_server_that_dies_in_mid_call_is_lost_and_replaced_at_the_next_call(
    pool: McpPool, hostile: Settings
) -> None:
    settings = hostile()
    first = await pid_of(pool, settings)

    error = await failure(pool, settings, "exits")

    assert (error.code, error.details["sent"], error.retryable) == ("mcp_connection_lost", True, True)
    assert "out of memory" in error.message
    assert await pid_of(pool, settings) != first


async def test_a_server_killed_while_idle_is_replaced_without_a_failure(
    pool: McpPool, hostile: Settings
) -> None:
    settings = hostile()
    first = await pid_of(pool, settings)

    os.kill(first, signal.SIGKILL)
    await until(lambda: not pool.describe()[0]["usable"])

    assert await pid_of(pool, settings) != first


async def test_a_call_that_gets_no_answer_ends_at_its_own_limit(pool: McpPool, hostile: Settings) -> None:
    settings = hostile()
    await pid_of(pool, settings)
    started = time.monotonic()

    error = await failure(pool, settings, "ignores", timeout_s=0.3)

    assert (error.code, error.details["sent"]) == ("mcp_timeout", True)
    assert time.monotonic() - started < 3
    assert (await pool.call_tool(settings, "junk_first", {}, timeout_s=10)).text == "after the junk"


async def test_a_server_that_never_answers_the_handshake_costs_no_more_than_the_call_may_take(
    pool: McpPool, hostile: Settings
) -> None:
    started = time.monotonic()

    error = await failure(pool, hostile("mute"), "echo", timeout_s=0.5)

    assert (error.code, error.details["sent"]) == ("mcp_timeout", False)
    assert time.monotonic() - started < 3


async def test_a_line_without_end_is_cut_off(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile(), "no_newline", timeout_s=30)

    assert (error.code, error.details["sent"]) == ("mcp_too_large", True)


async def test_chatter_beyond_all_measure_ends_the_call(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile(), "chatter", timeout_s=60)

    assert error.code == "mcp_too_large"


async def test_a_result_of_the_wrong_shape_is_a_protocol_error(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile(), "wrong_shape")

    assert (error.code, error.retryable, error.details["sent"]) == ("mcp_protocol_error", False, True)


async def test_a_result_that_breaks_the_pinned_definition_is_invalid(
    pool: McpPool, hostile: Settings
) -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}

    with pytest.raises(McpError) as caught:
        await pool.call_tool(hostile(), "not_structured", {}, timeout_s=10, output_schema=schema)

    assert (caught.value.code, caught.value.details["field"]) == ("mcp_invalid_result", "total")
    assert caught.value.details["answered"] is True


async def test_arguments_that_the_server_refuses_are_a_definite_answer(
    pool: McpPool, hostile: Settings
) -> None:
    error = await failure(pool, hostile(), "refuses_arguments")

    assert (error.code, error.details["answered"]) == ("mcp_invalid_arguments", True)
    assert "order_id must be a number" in error.message


async def test_a_tool_may_ask_for_another_try(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile(), "rate_limited")

    assert (error.code, error.retryable, error.message) == ("mcp_tool_error", True, "Slow down.")
    assert error.details["tool_code"] == "RATE_LIMITED"


async def test_a_tool_that_just_fails_is_not_tried_again(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile(), "plain_failure")

    assert (error.code, error.retryable) == ("mcp_tool_error", False)
    assert error.message == "The printer is on fire."
    assert error.details["answered"] is True


async def test_a_command_that_does_not_exist_is_unreachable(pool: McpPool) -> None:
    settings = McpServerSettings("9", "w", "gone", "stdio", command=("no-such-command-anywhere",))

    error = await failure(pool, settings, "echo")

    assert (error.code, error.details["sent"]) == ("mcp_unreachable", False)


async def test_a_server_that_ends_at_once_says_why(pool: McpPool, hostile: Settings) -> None:
    error = await failure(pool, hostile("dies"), "echo")

    assert (error.code, error.details["sent"]) == ("mcp_unreachable", False)
    assert "the licence file is missing" in error.message


async def test_a_server_that_keeps_failing_is_given_a_rest(pool: McpPool, hostile: Settings) -> None:
    settings = hostile("dies")
    for _ in range(3):
        await failure(pool, settings, "echo")
    started = time.monotonic()

    error = await failure(pool, settings, "echo")

    assert "3 times in a row" in error.message
    assert time.monotonic() - started < 0.2


@pytest.mark.parametrize("start", ["endless", "crowded"])
async def test_a_listing_without_measure_is_refused(pool: McpPool, hostile: Settings, start: str) -> None:
    with pytest.raises(McpError) as caught:
        await pool.list_all(hostile(start), timeout_s=20)

    assert caught.value.code == "mcp_too_large"


async def test_a_listing_that_never_comes_ends_in_time(pool: McpPool, hostile: Settings) -> None:
    with pytest.raises(McpError) as caught:
        await pool.list_all(hostile("mute"), timeout_s=0.5)

    assert caught.value.code == "mcp_timeout"


async def test_refreshing_a_server_leaves_a_call_under_way_alone(
    pool: McpPool, orders: McpServerSettings
) -> None:
    slow = McpServerSettings(**{**orders.__dict__, "env": {"PATCHBAY_EXAMPLE_DELAY_MS": "600"}})
    call = asyncio.create_task(pool.call_tool(slow, "get_order", {"order_id": "12345"}, timeout_s=20))
    await until(lambda: any(row["calls"] for row in pool.describe()))

    await pool.list_all(slow, timeout_s=10)

    assert (await call).structured["order_id"] == "12345"


async def test_a_cancelled_call_leaves_the_connection_usable(pool: McpPool, hostile: Settings) -> None:
    settings = hostile()
    first = await pid_of(pool, settings)
    call = asyncio.create_task(pool.call_tool(settings, "ignores", {}, timeout_s=60))
    await until(lambda: pool.describe()[0]["calls"] == 1)

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await pid_of(pool, settings) == first


async def test_closing_leaves_no_process_behind_not_even_a_grandchild(hostile: Settings) -> None:
    pool = McpPool(OutboundPolicy())
    pids = (await pool.call_tool(hostile(), "grandchild", {}, timeout_s=10)).data

    await pool.close()

    await until(lambda: not any(is_alive(pid) for pid in pids.values()))


async def test_a_server_that_does_not_listen_is_killed_at_the_end(hostile: Settings) -> None:
    pool = McpPool(OutboundPolicy())
    settings = hostile()
    pid = await pid_of(pool, settings)
    await failure(pool, settings, "silent", timeout_s=0.2)

    await pool.close()

    await until(lambda: not is_alive(pid))


async def test_an_idle_server_is_stopped(hostile: Settings) -> None:
    pool = McpPool(OutboundPolicy(), idle_s=0.2)
    pid = await pid_of(pool, hostile())

    await until(lambda: not is_alive(pid))

    assert pool.describe() == []
    await pool.close()


async def test_no_server_survives_a_worker_that_is_killed() -> None:
    script = """
import asyncio, json, sys
from runtime.gateways import McpServerSettings
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy

async def main():
    pool = McpPool(OutboundPolicy())
    command = (sys.executable, "-m", "tests.support.hostile_mcp")
    result = await pool.call_tool(McpServerSettings("1", "w", "s", "stdio", command=command), "echo", {}, timeout_s=20)
    print(result.data["pid"], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout is not None
    pid = int(await worker.stdout.readline())
    assert is_alive(pid)

    worker.kill()
    await worker.wait()

    await until(lambda: not is_alive(pid))


async def test_a_refund_with_the_same_key_happens_once(pool: McpPool, orders: McpServerSettings) -> None:
    arguments = {"order_id": "12346", "amount_eur": 5, "reason": "late"}

    first, second = [
        await pool.call_tool(orders, "refund_order", arguments, timeout_s=10, idempotency_key="k1")
        for _ in range(2)
    ]

    assert first.structured == second.structured
    listed = await pool.call_tool(orders, "list_refunds", {"order_id": "12346"}, timeout_s=10)
    assert len(json.loads(listed.text)["refunds"]) == 1
