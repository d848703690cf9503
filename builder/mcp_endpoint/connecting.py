"""What people paste into the program that they work with: to sign in through the browser, or with a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

TOKEN = "YOUR_TOKEN"  # noqa: S105  a place to fill in
BEARER = f"Bearer {TOKEN}"
BROWSER, WITH_TOKEN = "Sign in through the browser", "With an API token"


@dataclass(frozen=True)
class Way:
    """One way to sign in, and the settings for it."""

    title: str
    text: str


@dataclass(frozen=True)
class Client:
    """A program; `where` says into which file, page or terminal its settings go."""

    name: str
    where: str
    ways: tuple[Way, ...]


def clients(address: str) -> list[Client]:
    headers = {"Authorization": BEARER}
    asked = {"type": "promptString", "id": "patchbay-token", "description": "Patchbay API token"}
    code = {"type": "http", "url": address}
    code_with_token = {**code, "headers": {"Authorization": "Bearer ${input:patchbay-token}"}}
    claude = f"claude mcp add --transport http patchbay {address}"
    inspector = f"npx @modelcontextprotocol/inspector --cli {address} --transport http --method tools/list"
    return [
        Client(
            "Claude Code",
            "In a terminal",
            (Way(BROWSER, claude), Way(WITH_TOKEN, f'{claude} --header "Authorization: {BEARER}"')),
        ),
        Client(
            "Claude",
            "Settings, Connectors, Add custom connector (the address must be reachable from the internet)",
            (Way(BROWSER, address),),
        ),
        Client(
            "VS Code",
            ".vscode/mcp.json",
            (
                Way(BROWSER, _json({"servers": {"patchbay": code}})),
                Way(
                    WITH_TOKEN,
                    _json(
                        {"inputs": [{**asked, "password": True}], "servers": {"patchbay": code_with_token}}
                    ),
                ),
            ),
        ),
        Client(
            "Cursor",
            ".cursor/mcp.json",
            (
                Way(BROWSER, _json({"mcpServers": {"patchbay": {"url": address}}})),
                Way(WITH_TOKEN, _json({"mcpServers": {"patchbay": {"url": address, "headers": headers}}})),
            ),
        ),
        Client(
            "ChatGPT",
            "Settings, Connectors, Create, with developer mode on (reachable from the internet)",
            (
                Way(
                    BROWSER, _json({"Name": "Patchbay", "MCP Server URL": address, "Authentication": "OAuth"})
                ),
            ),
        ),
        Client(
            "MCP inspector",
            "In a terminal: the tools, as a client sees them",
            (
                Way(BROWSER, f"npx @modelcontextprotocol/inspector --server-url {address} --transport http"),
                Way(WITH_TOKEN, f'{inspector} --header "Authorization: {BEARER}"'),
            ),
        ),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)
