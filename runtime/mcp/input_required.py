"""What a server wants before it goes on with a call, and who answers it; without the SDK, which only hosts load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import mcp_types as wire

MAX_STATE_CHARS = 256 * 1024
MAX_REQUESTS = 20

Response = Mapping[str, Any]
"""An answer as it goes over the wire."""


@dataclass(frozen=True)
class InputRequired:
    """The call has ended without a result: it is to be made again with answers to these.

    requests   key -> {"method", "params"} as they came
    state      to be given back as it is
    as_before  the server knows by itself whether a person did it: the call is made again as it was, without answers
    """

    requests: Mapping[str, Mapping[str, Any]]
    state: str | None
    as_before: bool = False


class Asker(Protocol):
    """Whoever makes a call and can have its server's requests answered meanwhile."""

    async def elicit(self, params: Mapping[str, Any]) -> Response: ...

    async def sample(self, params: Mapping[str, Any]) -> Response:
        """Raises PatchbayError where a model may not be asked, or fails."""
        ...


def read_addresses_required(elicitations: Any) -> InputRequired:
    """The addresses in the error of an older server; raises ValueError, with the end of a sentence."""
    rows = elicitations if isinstance(elicitations, list) else []
    if not 0 < len(rows) <= MAX_REQUESTS or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("wants a person to open an address first, and names none")
    requests = {
        str(number): {"method": "elicitation/create", "params": {**row, "mode": "url"}}
        for number, row in enumerate(rows)
    }
    return InputRequired(requests, None, as_before=True)


def read_input_required(answer: wire.InputRequiredResult) -> InputRequired:
    """Raises ValueError, with the end of a sentence, for more than can be kept."""
    requests = {
        key: request.model_dump(mode="json", by_alias=True, exclude_none=True)
        for key, request in (answer.input_requests or {}).items()
    }
    if len(requests) > MAX_REQUESTS:
        raise ValueError(f"asks for {len(requests)} things at once; {MAX_REQUESTS} are taken")
    if len(answer.request_state or "") > MAX_STATE_CHARS:
        raise ValueError(f"wants more than {MAX_STATE_CHARS // 1024} KiB to be kept for it")
    return InputRequired(requests, answer.request_state)
