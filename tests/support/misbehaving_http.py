"""`python -m tests.support.misbehaving_http --port PORT`: every misbehaviour over HTTP, at /WAY/MOMENT.

Only here: 1 packs the answer as a bomb, 2 leads to another origin. /canary is asked by nobody; /hits tells how often it was.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import json
from urllib.parse import unquote

from tests.support.misbehaviours import MIB, Answer, answer_to

HANG_S = 120.0
BOMB = gzip.compress(b" " * MIB) * 200
"""200 MiB of blanks, as members of one stream."""


class Server:
    def __init__(self, port: int) -> None:
        self.port = port
        self.hits = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path = head[0].split()[:2]
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if path == "/canary":
            self.hits += 1
        if path in {"/canary", "/hits"}:
            return await self._send(writer, 200, json.dumps({"hits": self.hits}).encode())
        if method != "POST":
            return await self._send(writer, 405, b"")
        _, way, moment = unquote(path).split("/")
        answer = answer_to(json.loads(body), way, moment, self.port)
        if answer is None:
            return await self._send(writer, 202, b"")
        return await self._answer(writer, answer)

    async def _answer(self, writer: asyncio.StreamWriter, answer: Answer) -> bool:
        if answer.special == "1":
            packed = gzip.compress(answer.messages[0]) + BOMB
            return await self._send(writer, 200, packed, "content-encoding: gzip")
        if answer.special == "2":
            return await self._send(writer, 307, b"", f"location: http://localhost:{self.port}/canary")
        if answer.hang:
            await asyncio.sleep(HANG_S)
        if not answer.messages:
            return False
        if len(answer.messages) > 1:
            events = b"".join(b"event: message\ndata: " + row + b"\n\n" for row in answer.messages)
            return await self._send(writer, 200, events, kind="text/event-stream")
        return await self._one(writer, answer, answer.messages[0])

    async def _one(self, writer: asyncio.StreamWriter, answer: Answer, body: bytes) -> bool:
        length = len(body) + (MIB if answer.no_end else 0)
        writer.write(_head(200, "application/json", length))
        for piece in [body[at : at + 1] for at in range(len(body))] if answer.drip_s else [body]:
            writer.write(piece[: len(piece) // 2] if answer.cut else piece)
            await writer.drain()
            await asyncio.sleep(answer.drip_s)
        if answer.no_end:
            await asyncio.sleep(HANG_S)
        return not answer.cut

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        *headers: str,
        kind: str = "application/json",
    ) -> bool:
        writer.write(_head(status, kind, len(body), *headers) + body)
        await writer.drain()
        return True


def _head(status: int, kind: str, length: int, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = await asyncio.start_server(Server(port).connected, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
