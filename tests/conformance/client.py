"""The program that the suite starts for each scenario of a client: the host's own pool and sign-in, no page.

Run as `python -m tests.conformance.client URL`; MCP_CONFORMANCE_SCENARIO names the scenario, _CONTEXT holds its facts.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from runtime.errors import McpError
from runtime.gateways import McpAccount, McpServerSettings
from runtime.mcp import oauth
from runtime.mcp.pool import McpPool
from runtime.outbound.policy import OutboundPolicy

POLICY = OutboundPolicy.parse("127.0.0.1,localhost")
CALLBACK = "http://127.0.0.1:4711/callback"
DOCUMENT = "https://conformance-test.local/client-metadata.json"
SIGN_INS = 3
TIMEOUT_S = 30.0
ARGUMENTS = {"add_numbers": {"a": 5, "b": 3}}


class OneAccount:
    """The account, as the database keeps it; it lives as long as the scenario."""

    def __init__(self, url: str, context: Mapping[str, Any]) -> None:
        client = {name: context[name] for name in ("client_id", "client_secret") if name in context}
        if client:
            method = "client_secret_basic" if "client_secret" in client else "none"
            client |= {"token_endpoint_auth_method": method, "redirect_uris": [CALLBACK]}
        self.account = McpAccount(
            id="account",
            server="suite",
            url=url,
            version=1,
            is_connected=False,
            redirect_uri=CALLBACK,
            document_url=DOCUMENT,
            state={"client": client} if client else {},
        )
        self.needs_scope = ""

    async def load(self, account: str) -> McpAccount:
        return self.account

    async def claim(self, account: str, version: int) -> bool:
        return version == self.account.version

    async def keep(self, account: str, changes: Mapping[str, Any]) -> None:
        state = {**self.account.state, **changes}
        self.account = replace(self.account, state=state, version=self.account.version + 1, is_connected=True)

    async def release(self, account: str) -> None:
        pass

    async def lose(self, account: str, *, needs_scope: str = "") -> None:
        self.needs_scope = needs_scope
        self.account = replace(self.account, is_connected=bool(needs_scope))

    async def sign_in(self) -> None:
        url, state = await oauth.begin(POLICY, self.account, more_scope=self.needs_scope)
        await self.keep(self.account.id, state)
        given = await _browser(url)
        state = await oauth.finish(POLICY, self.account, code=given["code"], iss=given.get("iss"))
        await self.keep(self.account.id, state)


async def _browser(url: str) -> dict[str, str]:
    """The suite's sign-in asks nobody and sends the browser straight back."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        back = (await http.get(url)).headers["location"]
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


async def main(url: str) -> None:
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    account = OneAccount(url, context)
    pool = McpPool(POLICY, accounts=account)
    try:
        for attempt in range(SIGN_INS + 1):
            try:
                await _use(pool, account, url, context)
                return
            except McpError as error:
                if error.code != "mcp_unauthorized" or attempt == SIGN_INS:
                    raise
            await account.sign_in()
    finally:
        await pool.close()


async def _use(pool: McpPool, account: OneAccount, url: str, context: Mapping[str, Any]) -> None:
    """List the tools, then make the calls that the scenario names, else one of each tool."""
    settings = McpServerSettings(
        id="1",
        workspace_id="w",
        slug="suite",
        transport="http",
        url=url,
        revision=str(account.account.version),
        account=account.account.id if account.account.is_connected else "",
    )
    tools = (await pool.list_all(settings, timeout_s=TIMEOUT_S)).tools
    wanted = context.get("toolCalls") or [
        {"name": tool.name, "arguments": ARGUMENTS.get(tool.name, {})} for tool in tools
    ]
    for call in wanted:
        try:
            await pool.call_tool(settings, call["name"], call.get("arguments") or {}, timeout_s=TIMEOUT_S)
        except McpError as error:
            if error.code == "mcp_unauthorized":
                raise
            print(f"{call['name']}: {error.message}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
