"""What a server asks back in the middle of a call: for a person's word, for a model, for folders.

Since 2026-07-28 the call ends with what is asked (`input_required`) and is made again with the answers, from any
process. In older revisions the server asks while the call goes on, over the same connection, and does not say in
which call: `CallsInFlight` finds out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import mcp_types as wire
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from runtime.errors import PatchbayError
from runtime.mcp.input_required import Asker
from runtime.time_limits import standing_still

HOLD_S = 600.0
"""For so long an older server's connection is kept open for a person's answer."""
ATTRIBUTION_S = 30.0
"""For so long a request waits until one call alone is left that it can belong to."""


def is_modern(protocol_version: str) -> bool:
    """Whether what is asked ends the call, instead of coming in the middle of it."""
    return protocol_version in MODERN_PROTOCOL_VERSIONS


@dataclass(eq=False)
class CallInFlight:
    """A call over a connection; its time limit stands still while somebody is asked.

    held_s   how long that was
    """

    asker: Asker | None
    held_s: float = 0.0
    limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        began = time.monotonic()
        with standing_still(self.limit):
            yield
        self.held_s += time.monotonic() - began


@dataclass
class CallsInFlight:
    """The calls of one connection, and the answers to what its server asks meanwhile.

    has_asked   whether the server ever asked: then calls get a connection each, so that there is no doubt
    """

    has_asked: bool = False
    _calls: list[CallInFlight] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self, call: CallInFlight) -> None:
        self._calls.append(call)
        self._changed.set()

    def end(self, call: CallInFlight) -> None:
        self._calls.remove(call)
        self._changed.set()

    async def elicit(self, context: Any, params: Any) -> wire.ElicitResult | wire.ErrorData:
        """For the SDK; without anybody to ask, the answer is that nobody chose."""
        call = await self._whose()
        if call is None or call.asker is None:
            return wire.ElicitResult(action="cancel")
        async with self._turn, call.held():
            answer = await call.asker.elicit(_plain(params))
        return wire.ElicitResult.model_validate(answer)

    async def sample(self, context: Any, params: Any) -> wire.CreateMessageResult | wire.ErrorData:
        call = await self._whose()
        if call is None or call.asker is None:
            return _refusal("A model is asked in calls of workflows only.")
        try:
            async with call.held():
                answer = await call.asker.sample(_plain(params))
        except PatchbayError as error:
            return _refusal(error.message)
        return wire.CreateMessageResult.model_validate(answer)

    async def _whose(self) -> CallInFlight | None:
        """The call that the server asks in; None where that cannot be said."""
        self.has_asked = True
        try:
            async with asyncio.timeout(ATTRIBUTION_S):
                while len(self._calls) > 1:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._calls[0] if self._calls else None


def _plain(params: Any) -> dict[str, Any]:
    plain: dict[str, Any] = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    return plain


def _refusal(message: str) -> wire.ErrorData:
    return wire.ErrorData(code=wire.INVALID_REQUEST, message=message)
