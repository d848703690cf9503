"""What steps that use a server's resources and prompts have in common: is the server there, and is what it listed?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.graph.expressions.values import as_text
from runtime.graph.node_types import Known, ServerFacts
from runtime.graph.problems import Problem
from runtime.graph.schema import Node


def named_server(config: Mapping[str, Any], known: Known) -> ServerFacts | None:
    return known.server(str(config.get("server", "")))


def server_problems(config: Mapping[str, Any], node: Node, known: Known, what: str) -> Iterable[Problem]:
    """A server that is not registered, or whose lists were never read.

    what   what would be read of it, for a sentence: "resources"
    """
    slug = str(config.get("server", ""))
    if not slug:
        return
    server = known.server(slug)
    if server is None:
        text = f'There is no MCP server "{slug}" in this workspace.'
        yield Problem(node.id, "server", "unknown_server", text)
    elif not server.listed:
        text = f'The {what} of "{server.name}" were never read. Open the server and refresh it.'
        yield Problem(node.id, "server", "server_not_listed", text, severity="warning")


def argument_problems(
    given: Any, wanted: Mapping[str, bool], node: Node, field: str, where: str
) -> Iterable[Problem]:
    """Values that are missing, or that nobody takes.

    given   the raw config of the values by name
    wanted  name -> whether it is required
    where   what takes them, inside a sentence
    """
    values = given if isinstance(given, Mapping) else {}
    for name, is_required in wanted.items():
        if is_required and values.get(name) in (None, ""):
            yield Problem(node.id, f"{field}/{name}", "required", f'"{name}" is required by {where}.')
    for name in values:
        if name not in wanted:
            yield Problem(
                node.id, f"{field}/{name}", "unknown_argument", f'"{name}" is not taken by {where}.'
            )


def as_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as the protocol takes them; what is null is not there."""
    return {name: as_text(value) for name, value in values.items() if value is not None}
