"""The first message to a server behind an address, and what its answer gives away."""

from __future__ import annotations

import json
from dataclasses import dataclass

import httpx2

from runtime.gateways import McpServerSettings
from runtime.mcp.doctor.report import Trouble
from runtime.outbound.client import outbound_client
from runtime.outbound.policy import OutboundPolicy

READ_LIMIT_S = 8.0
SHOWN_BYTES = 64 * 1024
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "patchbay-doctor", "version": "0.1.0"},
    },
}
ACCEPTED = {"accept": "application/json, text/event-stream"}
SESSION = "mcp-session-id"


@dataclass(frozen=True)
class FirstAnswer:
    """old_transport   a GET at the same address opens the event stream of HTTP+SSE"""

    status: int
    kind: str
    text: str
    location: str = ""
    challenge: str = ""
    old_transport: bool = False

    @property
    def is_rpc(self) -> bool:
        if self.kind == "text/event-stream":
            return '"jsonrpc"' in self.text
        try:
            message = json.loads(self.text)
        except (ValueError, RecursionError):
            return False
        return isinstance(message, dict) and "jsonrpc" in message


async def ask_first(settings: McpServerSettings, policy: OutboundPolicy) -> FirstAnswer:
    """Introduce ourselves once, and look for the old transport where that finds nothing."""
    url = settings.url or ""
    async with outbound_client(policy, read_timeout_s=READ_LIMIT_S, headers=settings.headers) as http:
        async with http.stream("POST", url, json=HELLO, headers=ACCEPTED) as response:
            text = await _beginning(response)
        answer = FirstAnswer(
            status=response.status_code,
            kind=_kind(response),
            text=text,
            location=response.headers.get("location", ""),
            challenge=response.headers.get("www-authenticate", ""),
        )
        if session := response.headers.get(SESSION):
            await http.delete(url, headers={SESSION: session})
        if answer.status in {400, 404, 405} and not answer.is_rpc and await _streams(http, url):
            return FirstAnswer(200, "text/event-stream", "", old_transport=True)
        return answer


async def _beginning(response: httpx2.Response) -> str:
    """Enough to see what it is: the first event of a stream, or the start of a page."""
    taken = b""
    is_stream = _kind(response) == "text/event-stream"
    async for chunk in response.aiter_bytes():
        taken += chunk
        if len(taken) > SHOWN_BYTES or (is_stream and b'"jsonrpc"' in taken):
            break
    return taken.decode("utf-8", "replace")


async def _streams(http: httpx2.AsyncClient, url: str) -> bool:
    try:
        async with http.stream("GET", url, headers={"accept": "text/event-stream"}) as response:
            return response.status_code == 200 and _kind(response) == "text/event-stream"
    except (httpx2.TransportError, httpx2.StreamError):
        return False


def _kind(response: httpx2.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def judge(answer: FirstAnswer) -> str:
    """What the answer is; refusals of the sign-in are the next step's."""
    if answer.old_transport:
        return "It answers, over the old HTTP+SSE transport."
    status = answer.status
    if status in {401, 403} or answer.is_rpc:
        return f"It answers (HTTP {status})."
    if 300 <= status < 400:
        where = answer.location or "another address"
        raise Trouble(f"It sends us on to {where}.", "Enter that address here, if it is the right one.")
    if status in {404, 405}:
        raise Trouble(
            f"There is no MCP endpoint at this path (HTTP {status}).",
            "Check the path: most servers use /mcp, older ones /sse.",
        )
    if status == 429:
        raise Trouble("It takes no more requests for now (HTTP 429).", "Wait a while, then try again.")
    if status >= 500:
        raise Trouble(
            f"The server, or the proxy before it, fails (HTTP {status}).", "Look at its log, then try again."
        )
    if status >= 400:
        raise Trouble(f"It refuses the request (HTTP {status}).", "Ask whoever runs the server.")
    if answer.kind == "text/html":
        raise Trouble(
            "It answers with a web page.", "Enter the address of the MCP endpoint, not of the site's pages."
        )
    raise Trouble(
        f"It answers with something that is no message of MCP ({answer.kind or 'no content type'}).",
        "Check that this is the address of an MCP server.",
    )


def judge_sign_in(answer: FirstAnswer, settings: McpServerSettings) -> str:
    """Whether the server let us in with what is stored."""
    if answer.status == 401:
        raise Trouble(_refused(answer, settings), _how_to_sign_in(answer, settings))
    if answer.status == 403:
        raise Trouble(
            "The server knows who asks and does not allow it (HTTP 403).",
            "The token needs more rights, or the server must allow this address to ask.",
        )
    return "It accepts what is stored." if settings.headers else "It asks for none."


def _refused(answer: FirstAnswer, settings: McpServerSettings) -> str:
    if not settings.headers:
        return "The server asks for a sign-in, and none is stored (HTTP 401)."
    return "The server refuses what is stored (HTTP 401)."


def _how_to_sign_in(answer: FirstAnswer, settings: McpServerSettings) -> str:
    if "resource_metadata" in answer.challenge:
        return (
            "It offers OAuth: choose that sign-in in the settings and connect; a token of its own may do too."
        )
    if settings.headers:
        return (
            "The token may have expired, or the header may have another name. Enter it again in the settings."
        )
    return "Choose a sign-in in the settings and enter the token that the server's makers give you."
