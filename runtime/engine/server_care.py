"""Looks after MCP servers beside the runs: writes down how they were used, reads lists that
changed, and checks those that are due.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import asdict

from django.db import DatabaseError

from runtime.engine.attempt import Clients
from runtime.engine.values import storable
from runtime.errors import LeaseLost, McpError, NodeFailure
from runtime.gateways import McpServerSettings

logger = logging.getLogger(__name__)
ROUND_EVERY_S = 10.0
CHECK_TIMEOUT_S = 20.0


async def look_after_servers(clients: Clients) -> None:
    """Round after round until it is cancelled; hosts do not go in step."""
    while True:
        await asyncio.sleep(ROUND_EVERY_S * random.uniform(0.7, 1.3))  # noqa: S311
        try:
            await one_round(clients)
        except (DatabaseError, LeaseLost) as error:
            logger.warning("a round failed", extra={"action": "server_care", "error": str(error)[:200]})
        except Exception:
            logger.exception("a round failed", extra={"action": "server_care"})


async def one_round(clients: Clients) -> None:
    servers = clients.gateways.mcp_servers
    due: list[McpServerSettings] = await clients.in_database(servers.tend, clients.mcp.take_usage())
    changed = clients.mcp.take_changed()
    await asyncio.gather(
        *(_check(clients, settings) for settings in due), *(_list_again(clients, row) for row in changed)
    )


async def _list_again(clients: Clients, settings: McpServerSettings) -> None:
    """A definition that changed is blocked now, not at the next refresh; once a minute is enough for that."""
    servers = clients.gateways.mcp_servers
    if not await clients.in_database(servers.claim_listing, settings.id):
        # The last word of a server that changes all the time is read as well, when its minute is over.
        clients.mcp.note_change(settings)
        return
    try:
        listing = await clients.mcp.list_again(settings, timeout_s=CHECK_TIMEOUT_S)
        read = None if listing is None else storable(asdict(listing), what="The list of the server")
    except (McpError, NodeFailure) as error:
        logger.info("a changed list was not read", extra={"action": "server_care", "error": error.code})
        return
    if read is not None:
        await clients.in_database(servers.note_listing, settings.id, read)


async def _check(clients: Clients, settings: McpServerSettings) -> None:
    error, duration_ms = await clients.mcp.check(settings, timeout_s=CHECK_TIMEOUT_S)
    await clients.in_database(clients.gateways.mcp_servers.note_check, settings.id, error, duration_ms)
