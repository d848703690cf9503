"""`python -m tests.support.refresh_together SLUG NUMBER`: hosts that all need the same account's token at one moment.

Each has a loop, a pool and database connections of its own. They say `ready`, wait for a line, call the tool `read` of the
server and say what came of it, as a JSON list. With `--prepare` an account is made from the JSON on the first line instead.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django


def prepare(slug: str) -> None:
    from builder.accounts.models import Workspace
    from builder.mcp_servers.models import Account, McpServer

    given = json.loads(sys.stdin.readline())
    workspace = Workspace.objects.create(slug="refresh", name="Refresh")
    server = McpServer.objects.create(
        workspace=workspace, slug=slug, name=slug, transport="http", url=given["url"], auth_kind="oauth"
    )
    account = Account(server=server, status="ok", redirect_uri=given["redirect_uri"])
    account.set_state(given["state"])
    account.save()


def call(slug: str, number: int) -> list[str]:
    """What each host got, or the code of its failure."""
    together = threading.Barrier(number)
    with ThreadPoolExecutor(number) as hosts:
        told = [hosts.submit(asyncio.run, _host(slug, together)) for _ in range(number)]
        return [result.result() for result in told]


async def _host(slug: str, together: threading.Barrier) -> str:
    from builder.accounts.models import Workspace
    from builder.mcp_servers.gateway import RegisteredServers
    from runtime.engine.accounts import KeptAccounts
    from runtime.errors import McpError
    from runtime.mcp.pool import McpPool
    from runtime.outbound.policy import OutboundPolicy

    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(2)

    async def in_database(function: Callable[..., Any], *given: Any) -> Any:
        return await loop.run_in_executor(threads, lambda: function(*given))

    servers = RegisteredServers()
    workspace = await in_database(lambda: str(Workspace.objects.get(slug="refresh").pk))
    settings = await in_database(servers.settings, workspace, slug)
    pool = McpPool(OutboundPolicy.parse("127.0.0.1"), accounts=KeptAccounts(servers, in_database))
    await loop.run_in_executor(None, together.wait)
    try:
        result: Any = await pool.call_tool(settings, "read", {}, timeout_s=40)
        return str(result.text)
    except McpError as error:
        return error.code
    finally:
        await pool.close()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "builder.settings")
    django.setup()
    if sys.argv[1] == "--prepare":
        prepare(sys.argv[2])
        return
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(call(sys.argv[1], int(sys.argv[2]))), flush=True)
    # Threads of the database pools have nothing left to do.
    os._exit(0)


if __name__ == "__main__":
    main()
