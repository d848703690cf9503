"""Awaiting what a host does for a request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from runtime.engine import errands, hints, process
from runtime.engine.waiting import errand_done, until
from runtime.errors import NodeFailure, PatchbayError


async def errand_result(workspace_id: UUID, kind: str, payload: Mapping[str, Any], timeout_s: float) -> Any:
    """The answer of an errand; raises the error it ended with, or says that no worker took it."""
    errand = await sync_to_async(errands.request)(workspace_id, kind, payload, timeout_s=timeout_s)
    async with process.live_updates().subscribe(errands.topic(errand.pk)) as news:
        hints.offer_errand()
        done = await until(news, partial(errand_done, errand.pk), timeout_s=timeout_s + 2)
    if done is None:
        raise NodeFailure(
            "No worker took this in time. Check that a worker is running.", code="no_worker", retryable=True
        )
    if done.error is not None:
        error = done.error
        raise PatchbayError(
            error["message"], code=error["code"], retryable=error["retryable"], details=error["details"]
        )
    return done.result
