"""Settings of other MCP hosts read as proposals: nothing is registered, connected or started by it.

Read are `mcp.json` as Claude, VS Code and Cursor write it, and `server.json` of the official registry
(https://github.com/modelcontextprotocol/registry). Secrets of the document are never taken over or shown: each becomes
one to fill in. A command is only ever matched with the templates that the installation offers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from builder.http.errors import Invalid
from builder.mcp_servers.loose_json import read_loose_json
from builder.mcp_servers.sign_in import MAX_HEADERS
from builder.mcp_servers.templates import CommandTemplate, matching_template

MAX_SERVERS = 100
VARIABLE = re.compile(r"\$\{[^}]*\}|(?<!\$)\{[A-Za-z_][A-Za-z0-9_]*\}")
RUNNERS = {"npm": ("npx", "-y"), "pypi": ("uvx",), "oci": ("docker", "run", "-i", "--rm")}


@dataclass(frozen=True)
class Missing:
    """What a person must still enter (secret, address), what only an instance admin can give (command), or what is lost."""

    what: Literal["secret", "address", "command", "left_out"]
    name: str
    message: str


@dataclass(frozen=True)
class Proposal:
    """A server as it could be registered. `command` is for reading: only `template` would be started."""

    name: str
    transport: Literal["http", "stdio"]
    url: str = ""
    auth: dict[str, Any] = field(default_factory=lambda: {"kind": "none"})
    command: str = ""
    template: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    description: str = ""
    missing: list[Missing] = field(default_factory=list)

    @property
    def can_be_added(self) -> bool:
        """Whether an admin can add it at once, entering what is missing."""
        return all(entry.what != "command" for entry in self.missing)


def read_proposals(text: str) -> list[Proposal]:
    """Every server of a document, in its order; raises Invalid (invalid_document) where it holds none."""
    document = read_loose_json(text)
    if not isinstance(document, Mapping):
        raise Invalid("invalid_document", "The document must be an object.")
    # VS Code also keeps the list in its settings file, under "mcp".
    inner = document.get("mcp")
    if isinstance(inner, Mapping):
        document = inner
    servers = document.get("mcpServers") or document.get("servers")
    if isinstance(servers, Mapping):
        found = [
            _host_entry(str(name), entry) for name, entry in servers.items() if isinstance(entry, Mapping)
        ]
    elif "packages" in document or "remotes" in document:
        found = list(_registry_entries(document.get("server", document)))
    elif isinstance(document.get("server"), Mapping):
        found = list(_registry_entries(document["server"]))
    else:
        found = []
    if not found:
        message = 'No server was found: paste an mcp.json with "mcpServers" or "servers", or a server.json.'
        raise Invalid("invalid_document", message)
    if len(found) > MAX_SERVERS:
        raise Invalid("invalid_document", f"The document lists more than {MAX_SERVERS} servers.")
    return found


# --- mcp.json ------------------------------------------------------------------------------------------------


def _host_entry(name: str, entry: Mapping[str, Any]) -> Proposal:
    url = entry.get("url") or entry.get("serverUrl") or ""
    if url:
        return _remote(name, str(url), _names(entry.get("headers")))
    command, args = str(entry.get("command", "")), _texts(entry.get("args"))
    return _local(name, (command, *args), _names(entry.get("env")))


def _remote(name: str, url: str, headers: Mapping[str, str], description: str = "") -> Proposal:
    auth, missing = _sign_in(headers)
    if VARIABLE.search(url):
        missing.insert(
            0, Missing("address", "url", "The address holds a variable: write what it stands for.")
        )
    elif urlsplit(url).scheme not in {"http", "https"}:
        missing.insert(0, Missing("address", "url", "The address must begin with https:// (or http://)."))
    return Proposal(name[:120], "http", url=url[:500], auth=auth, description=description, missing=missing)


def _sign_in(headers: Mapping[str, str]) -> tuple[dict[str, Any], list[Missing]]:
    if not headers:
        return {"kind": "none"}, []
    # The one that is a sign-in by its name comes first.
    names = sorted(headers, key=lambda name: name.lower() != "authorization")[:MAX_HEADERS]
    first = names[0]
    if len(headers) == 1 and first.lower() == "authorization" and _is_bearer(headers[first]):
        message = "The bearer token: enter it; it is never taken from the document."
        return {"kind": "bearer"}, [Missing("secret", first, message)]
    missing = [
        Missing(
            "secret", name, f"The value of the header {name}: enter it; it is never taken from the document."
        )
        for name in names
    ]
    return {"kind": "header", "header": first, "headers": [{"name": name} for name in names]}, missing


def _is_bearer(value: str) -> bool:
    return value.lower().startswith("bearer ") or bool(VARIABLE.fullmatch(value))


def _local(name: str, argv: tuple[str, ...], env: Mapping[str, str], description: str = "") -> Proposal:
    command = " ".join(argv)[:1000]
    found = matching_template(argv)
    if found is None:
        message = (
            "The installation offers no template for this command. The instance admin can add one "
            "(PATCHBAY_STDIO_TEMPLATES); commands are never taken from a document."
        )
        return Proposal(
            name[:120],
            "stdio",
            command=command,
            description=description,
            missing=[Missing("command", argv[0], message)],
        )
    template, parameters = found
    return Proposal(
        name[:120],
        "stdio",
        auth={"kind": "bearer"} if template.secrets else {"kind": "none"},
        command=command,
        template=template.slug,
        parameters=parameters,
        description=description,
        missing=_secrets_of(template, env),
    )


def _secrets_of(template: CommandTemplate, env: Mapping[str, str]) -> list[Missing]:
    missing = [Missing("secret", name, f"{name}: enter it.") for name in template.secrets[:1]]
    unknown = [name for name in env if name not in template.secrets and name not in template.env]
    if unknown:
        message = f"The template does not pass on {', '.join(unknown)}: the instance admin can add it."
        missing.append(Missing("left_out", ", ".join(unknown), message))
    return missing


# --- server.json -------------------------------------------------------------------------------------------------


def _registry_entries(document: Mapping[str, Any]) -> Iterator[Proposal]:
    name = str(document.get("title") or str(document.get("name", "")).rpartition("/")[2] or "server")
    description = str(document.get("description", ""))[:2000]
    for remote in _rows(document.get("remotes")):
        headers = {
            str(row.get("name", "")): str(row.get("value") or "${secret}")
            for row in _rows(remote.get("headers"))
        }
        yield _remote(name, str(remote.get("url", "")), headers, description)
    for package in _rows(document.get("packages")):
        env = {str(row.get("name", "")): "" for row in _rows(package.get("environmentVariables"))}
        yield _local(name, _argv(package), env, description)


def _argv(package: Mapping[str, Any]) -> tuple[str, ...]:
    kind, identifier = str(package.get("registryType", "")), str(package.get("identifier", ""))
    runner = RUNNERS.get(kind, (str(package.get("runtimeHint") or kind),))
    values = [str(row["value"]) for row in _rows(package.get("packageArguments")) if "value" in row]
    return (*runner, identifier, *values)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(part) for part in value) if isinstance(value, list) else ()


def _names(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}
