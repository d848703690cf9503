"""Sign-ins whose documents are not what they should be: each way has a path of its own, and breaks one document.

challenge: the header of the 401. resource, server: the two metadata. client: the registration. token: the token reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.processes import free_port

MIB = 1024 * 1024
FORBIDDEN_HOST = "127.0.0.2"
"""Of this machine too, but no address that the tests' policy allows."""
DOCUMENTS = ("resource", "server", "client", "token")


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: tuple[str, ...] = ()
    no_end: bool = False
    drip_s: float = 0.0


@dataclass(frozen=True)
class Way:
    """Breaks one document: `make` gives its reply from the good value and the site."""

    document: str
    make: Callable[[dict[str, Any], Site], Reply]


@dataclass
class Site:
    """forbidden: requests that came to the address that nobody may ask."""

    port: int
    forbidden: list[str] = field(default_factory=list)

    def address(self, way: str) -> str:
        return f"http://127.0.0.1:{self.port}/{way}"

    @property
    def canary(self) -> str:
        return f"http://{FORBIDDEN_HOST}:{self.port}/canary"

    def good(self, way: str, document: str) -> dict[str, Any]:
        at = self.address(way)
        return {
            "challenge": {"resource_metadata": f"http://127.0.0.1:{self.port}/resource/{way}"},
            "resource": {"resource": f"{at}/mcp", "authorization_servers": [at]},
            "server": {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "registration_endpoint": f"{at}/client",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            },
            "client": {"client_id": "c1", "redirect_uris": ["http://127.0.0.1:9/callback"]},
            "token": {
                "access_token": "t1",
                "token_type": "Bearer",
                "refresh_token": "r1",
                "expires_in": 3600,
            },
        }[document]


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status)


def _with(document: str, **changed: Any) -> Way:
    """The good document with changes; "{canary}" in a text becomes the forbidden address."""

    def make(good: dict[str, Any], site: Site) -> Reply:
        return _json({**good, **json.loads(json.dumps(changed).replace("{canary}", site.canary))})

    return Way(document, make)


def _deep(good: dict[str, Any], site: Site) -> Reply:
    return Reply(json.dumps(good).encode()[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def _leads_away(good: dict[str, Any], site: Site) -> Reply:
    return Reply(status=307, headers=(f"location: {site.canary}",))


GENERAL: dict[str, Callable[[dict[str, Any], Site], Reply]] = {
    "huge": lambda good, site: _json({**good, "x": "x" * (3 * MIB)}),
    "endless": lambda good, site: Reply(b'{"x": "' + b"x" * 4096, no_end=True),
    "silent": lambda good, site: Reply(no_end=True),
    "dripping": lambda good, site: Reply(json.dumps(good).encode(), drip_s=0.5),
    "deep": _deep,
    "no-json": lambda good, site: Reply(b"<html>Welcome</html>"),
    "no-text": lambda good, site: Reply(b'{"issuer": "\xff\xfe"}'),
    "no-text-refused": lambda good, site: Reply(b"\xff\xfe", 400),
    "a-list": lambda good, site: _json([good]),
    "null": lambda good, site: _json(None),
    "a-bomb": lambda good, site: Reply(gzip.compress(b" " * MIB) * 50, headers=("content-encoding: gzip",)),
    "away": _leads_away,
    "to-a-file": lambda good, site: Reply(status=302, headers=("location: file:///etc/passwd",)),
    "wrong-kinds": lambda good, site: _json({name: {"x": [1]} for name in good}),
}
SPECIAL: dict[str, Way] = {
    "challenge-file": _with("challenge", resource_metadata="file:///etc/passwd"),
    "challenge-script": _with("challenge", resource_metadata="javascript:alert(1)"),
    "challenge-private": _with("challenge", resource_metadata="{canary}"),
    "challenge-nonsense": _with("challenge", resource_metadata="http://[::1"),
    "resource-of-another": _with("resource", resource="https://notes.example/mcp"),
    "resource-servers-none": _with("resource", authorization_servers=[]),
    "resource-servers-private": _with("resource", authorization_servers=["{canary}"]),
    "resource-servers-file": _with("resource", authorization_servers=["file:///etc"]),
    "resource-servers-many": _with("resource", authorization_servers=["{canary}"] * 10_000),
    "server-of-another": _with("server", issuer="https://login.example"),
    "server-script": _with("server", authorization_endpoint="javascript:alert(document.cookie)"),
    "server-data": _with("server", authorization_endpoint="data:text/html,<script>alert(1)</script>"),
    "server-page-file": _with("server", authorization_endpoint="file:///etc/passwd"),
    "server-page-as-another": _with("server", authorization_endpoint="https://good.example@evil.example/x"),
    "server-token-private": _with("server", token_endpoint="{canary}"),
    "server-token-file": _with("server", token_endpoint="file:///etc/passwd"),
    "server-client-private": _with("server", registration_endpoint="{canary}"),
    "server-client-script": _with("server", registration_endpoint="javascript:alert(1)"),
    "server-no-proof": _with("server", code_challenge_methods_supported=["plain"]),
    "server-many-methods": _with("server", token_endpoint_auth_methods_supported=["x" * 100] * 5000),
    "client-id-number": _with("client", client_id=5),
    "client-id-lines": _with("client", client_id="a\r\nx-evil: 1"),
    "client-back-elsewhere": _with("client", redirect_uris=["{canary}"]),
    "token-number": _with("token", access_token=5),
    "token-empty": _with("token", access_token=""),
    "token-lines": _with("token", access_token="t\r\nx-evil: 1"),
    "token-beyond-ascii": _with("token", access_token="t\u2028\U0001f600"),
    "token-huge": _with("token", access_token="t" * (MIB // 2)),
    "token-of-another-kind": _with("token", token_type="mac"),
    "token-life-text": _with("token", expires_in="soon"),
    "token-life-less-than-none": _with("token", expires_in=-5),
    "token-life-beyond-measure": Way(
        "token", lambda good, site: Reply(json.dumps({**good, "expires_in": 0}).encode()[:-2] + b"1e400}")
    ),
    "token-life-of-5000-digits": Way(
        "token",
        lambda good, site: Reply(json.dumps({**good, "expires_in": 1}).encode()[:-1] + b"0" * 5000 + b"}"),
    ),
    "token-scope-list": _with("token", scope=["a", "b"]),
    "token-refused-at-length": Way("token", lambda good, site: Reply(b"x" * (MIB // 2), 400)),
}
WAYS: dict[str, Way] = {
    **{f"{document}-{name}": Way(document, make) for document in DOCUMENTS for name, make in GENERAL.items()},
    **SPECIAL,
}


@asynccontextmanager
async def hostile_oauth() -> AsyncIterator[Site]:
    """The sites, on this loop."""
    site = Site(free_port())
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _exchange(site, reader, writer)
        writer.transport.abort() if task.cancelling() else writer.close()

    hosts = ("127.0.0.1", FORBIDDEN_HOST)
    listener = await asyncio.start_server(connected, hosts, site.port, limit=4 * MIB)
    try:
        yield site
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _exchange(site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    target = head[0].split()[1]
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if writer.get_extra_info("sockname")[0] == FORBIDDEN_HOST:
        site.forbidden.append(target)
    document, way = _asked_for(urlsplit(target).path)
    reply = _reply(site, way, document, headers, body) if way in WAYS else Reply(status=404)
    await _send(writer, reply)


def _asked_for(path: str) -> tuple[str, str]:
    """Which document, and of which way, if of any."""
    parts = path.strip("/").split("/")
    if len(parts) < (3 if parts[0] == ".well-known" else 2):
        return "", ""
    if parts[0] == "resource":
        return "resource", parts[1]
    if parts[0] == ".well-known":
        return ("resource" if "protected-resource" in parts[1] else "server"), parts[2]
    if ".well-known" in parts:
        return "server", parts[0]
    return parts[1], parts[0]


def _reply(site: Site, way: str, document: str, headers: dict[str, str], body: bytes) -> Reply:
    broken = WAYS[way]
    if document == "mcp":
        signed = headers.get("authorization", "").startswith("bearer t")
        if not signed or "x-evil" in headers:
            challenge = _told(broken, site.good(way, "challenge"), site)
            return Reply(status=401, headers=(f'www-authenticate: Bearer resource_metadata="{challenge}"',))
        return Reply(status=500)
    if document == "token":
        assert dict(parse_qsl(body.decode()))["grant_type"]
    if document == broken.document:
        return broken.make(site.good(way, document), site)
    return _json(site.good(way, document), 201 if document == "client" else 200)


def _told(broken: Way, good: dict[str, Any], site: Site) -> str:
    if broken.document == "challenge":
        good = json.loads(broken.make(good, site).body)
    return str(good["resource_metadata"])


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    length = [] if reply.no_end else [f"content-length: {len(reply.body)}"]
    kind = (
        []
        if any(row.startswith("content-type") for row in reply.headers)
        else ["content-type: application/json"]
    )
    head = [f"HTTP/1.1 {reply.status} x", "connection: close", *kind, *length, *reply.headers]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
    for piece in [reply.body[at : at + 1] for at in range(len(reply.body))] if reply.drip_s else [reply.body]:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(reply.drip_s)
    while reply.no_end:
        writer.write(b"x" * 64)
        await writer.drain()
        await asyncio.sleep(0.2)
