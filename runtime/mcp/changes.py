"""The stream on which a server of the protocol since 2026-07-28 tells that its lists changed.

It is one request that is answered for as long as the connection is kept: nothing stays open for a server that nobody
uses. There is no replay, so whatever was open before and broke off counts as a change.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost

from runtime.mcp.asking import is_modern

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 5.0
AGAIN_AT_LATEST_S = 300.0
"""A stream that breaks off again and again is opened ever more rarely."""
HELD_WELL_S = 60.0


async def follow_changes(client: Client, told: Callable[[], None]) -> None:
    """Tell of every change until it is cancelled; returns where the server offers no such stream."""
    can = client.server_capabilities
    tools = bool(can.tools and can.tools.list_changed)
    prompts = bool(can.prompts and can.prompts.list_changed)
    resources = bool(can.resources and can.resources.list_changed)
    if not (tools or prompts or resources) or not is_modern(client.protocol_version):
        return
    pause_s, was_open = AGAIN_AFTER_S, False
    while True:
        began = time.monotonic()
        try:
            async with client.listen(
                tools_list_changed=tools, prompts_list_changed=prompts, resources_list_changed=resources
            ) as changes:
                if was_open:
                    told()
                was_open = True
                async for _ in changes:
                    told()
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            logger.info("no news of a server's lists", extra={"action": "changes", "error": str(error)[:200]})
        if not was_open:
            return
        pause_s = AGAIN_AFTER_S if time.monotonic() - began > HELD_WELL_S else pause_s
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, AGAIN_AT_LATEST_S)
