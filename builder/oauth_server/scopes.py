"""The scopes in words for people: an icon, what it allows, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SCOPE_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "mcp:read": ("eye", "See workflows and runs", "Their steps, with what went in and came out."),
    "mcp:run": ("play", "Run workflows", "Call them as tools, and cancel runs. Runs act on other systems."),
    "mcp:inbox": ("inbox", "Answer your inbox", "See what waits for you, and answer in your name."),
}
