"""The doctor's steps for a server behind an address: name, permission, port, certificate, HTTP, sign-in."""

from __future__ import annotations

import ipaddress
import ssl
from urllib.parse import urlsplit

import httpcore2
import httpx2

from runtime.gateways import McpServerSettings
from runtime.mcp.doctor.certificates import certificate_trouble
from runtime.mcp.doctor.first_answer import FirstAnswer, ask_first, judge, judge_sign_in
from runtime.mcp.doctor.report import Check, NotNeeded, Trouble
from runtime.outbound.errors import Blocked
from runtime.outbound.policy import Address, OutboundPolicy, addresses_of
from runtime.outbound.sockets import open_socket, secure_socket

SOCKET_LIMIT_S = 8.0


class WebChecks:
    def __init__(self, settings: McpServerSettings, policy: OutboundPolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._url = settings.url or ""
        parts = urlsplit(self._url)
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_secure else 80)
        self._addresses: list[Address] = []
        self._answer: FirstAnswer | None = None

    def all(self) -> list[Check]:
        return [
            Check("dns", "Name", self._resolve, self._slow_name),
            Check("address", "Address allowed", self._allow),
            Check("tcp", "Port", self._connect, self._shut),
            Check("tls", "Certificate", self._secure, self._shut),
            Check("http", "HTTP answer", self._ask, self._mute),
            Check("sign_in", "Sign-in", self._sign_in),
        ]

    async def _resolve(self) -> str:
        try:
            self._addresses = await addresses_of(self._host, self._port)
        except httpx2.ConnectError:
            raise Trouble(
                f'There is no machine named "{self._host}".',
                "Check the spelling of the address. A name of your own network must be known where the worker runs.",
            ) from None
        if _is_number(self._host):
            return "The address is a number; no name is looked up."
        return f"{self._host} is {', '.join(map(str, self._addresses[:3]))}."

    async def _allow(self) -> str:
        if self._policy.allows(self._host, self._port, self._addresses):
            return "It may be reached from here."
        raise Trouble(
            f"{self._host} leads to this machine or to a private network ({self._addresses[0]}).",
            f"If that is meant, the instance admin adds {self._host}:{self._port} to PATCHBAY_OUTBOUND_ALLOW.",
        )

    async def _connect(self) -> str:
        stream = await self._open()
        await stream.aclose()
        return f"Port {self._port} is open."

    async def _open(self) -> httpcore2.AsyncNetworkStream:
        try:
            return await open_socket(self._policy, self._host, self._port, timeout_s=SOCKET_LIMIT_S)
        except Blocked as error:
            raise Trouble(f"{error}.", "The name leads elsewhere than a moment ago. Try again.") from error
        except httpcore2.ConnectTimeout:
            raise self._shut(SOCKET_LIMIT_S) from None
        except (httpcore2.ConnectError, httpx2.ConnectError):
            raise Trouble(
                f"Nothing listens on port {self._port} of {self._host}.",
                "Check that the server runs, and the port in its address.",
            ) from None

    def _shut(self, limit_s: float) -> Trouble:
        return Trouble(
            f"Port {self._port} of {self._host} gives no answer within {limit_s:g} s.",
            "A firewall may be in between: allow the worker's machine to reach it.",
        )

    @staticmethod
    def _slow_name(limit_s: float) -> Trouble:
        return Trouble(
            f"The name service gives no answer within {limit_s:g} s.",
            "Look at the name service of the worker's machine.",
        )

    async def _secure(self) -> str:
        if not self._is_secure:
            raise NotNeeded("The address begins with http://: what goes over it can be read on the way.")
        stream = await self._open()
        try:
            await secure_socket(stream, self._host, timeout_s=SOCKET_LIMIT_S)
        except ssl.SSLError as error:
            raise certificate_trouble(error, self._host) from error
        except httpcore2.ConnectTimeout:
            raise Trouble(
                "The port is open, but nobody answers the TLS handshake.",
                "Check the port; perhaps the address should begin with http://.",
            ) from None
        except httpcore2.ConnectError:
            raise Trouble(
                "The server hangs up during the TLS handshake.",
                "Check the port and the server's TLS settings.",
            ) from None
        finally:
            await stream.aclose()
        return "The certificate is valid for this name."

    async def _ask(self) -> str:
        try:
            self._answer = await ask_first(self._settings, self._policy)
        except httpx2.ReadTimeout:
            raise self._mute(SOCKET_LIMIT_S) from None
        except (httpx2.TransportError, httpx2.StreamError) as error:
            raise Trouble(
                f"The exchange broke off: {str(error) or type(error).__name__}.",
                "Look at the log of the server, or of the proxy before it.",
            ) from error
        return judge(self._answer)

    @staticmethod
    def _mute(limit_s: float) -> Trouble:
        return Trouble(
            f"The server takes the request and gives no answer within {limit_s:g} s.",
            "Check that this is the address of its MCP endpoint, and look at its log.",
        )

    async def _sign_in(self) -> str:
        assert self._answer is not None
        if self._settings.account:
            raise NotNeeded(
                "The server lets people sign in; the workspace's account is used in the next step."
            )
        return judge_sign_in(self._answer, self._settings)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
