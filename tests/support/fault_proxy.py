"""A way to a server on loopback that can swallow everything without closing anything, as a broken network does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable

from tests.support.product import free_port

CHUNK_BYTES = 65_536


class FaultProxy:
    """Forwards bytes from `port` to another port, until it is told to swallow them.

    swallow()   what is connected stays connected, and so is what connects now; nothing gets through either way
    forward()   new connections get through; those of before stay silent for ever, as after a change of route
    """

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self._to_port = to_port
        self._era = 0
        self._swallows = False
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._do(self._listen())

    def swallow(self) -> None:
        self._era += 1
        self._swallows = True

    def forward(self) -> None:
        self._swallows = False

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, what: Awaitable[None]) -> None:
        async def done() -> None:
            await what

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        era = self._era
        try:
            if self._swallows:
                era = -1
                await self._copy(reader, None, era)
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
            try:
                await self._until_one_closes(self._copy(reader, back, era), self._copy(there, writer, era))
            finally:
                back.close()
        except OSError:
            pass
        except asyncio.CancelledError:
            # Streams log a handler that was cancelled as a failure; here it is how the proxy ends.
            pass
        finally:
            writer.close()

    async def _until_one_closes(self, *copies: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(copy) for copy in copies]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter | None, era: int) -> None:
        """Until the source ends; what was connected before something was swallowed says no more."""
        while data := await source.read(CHUNK_BYTES):
            if to is None or era != self._era:
                continue
            to.write(data)
            with contextlib.suppress(ConnectionError):
                await to.drain()
