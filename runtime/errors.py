"""Every failure the runtime names, with a stable code and whether trying again helps.

PatchbayError
├── GraphMalformed            the document is not a graph at all: refused before anything is stored
├── GraphInvalid              a graph with problems that may be a draft but not published
├── ExpressionError           an expression could not be read or evaluated
├── NodeFailure               a step failed for a reason that its author or an operator can act on
│   ├── McpError              reaching or using an MCP server
│   ├── LlmError              reaching or using a model
│   └── BudgetExceeded        a budget of the workspace is used up; the call was not made
├── OutcomeUnknown            an effect was started and its answer never came
├── ForkImpossible            a run cannot go on from there with what another one has done
├── NotAllowedNow             the object is in a state in which this cannot be done
│   └── ConcurrencyFull       as many runs of a key as may go on at once go on already
└── LeaseLost                 this host no longer owns the run; nothing more may be written

Code decides by class, code or state, never by the text of a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PatchbayError(Exception):
    """Something failed in a way that has a name.

    code       stable, part of the public contract
    message    a sentence for a person: what, where, what to try
    retryable  the same call may succeed when it is made again
    details    parameters of the message, as JSON values
    """

    code = "internal_error"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.retryable = type(self).retryable if retryable is None else retryable
        self.details: dict[str, Any] = dict(details or {})

    def as_dict(self) -> dict[str, Any]:
        """The error as it is stored on a step and shown by the API."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "details": self.details,
        }


class GraphMalformed(PatchbayError):
    """The document is too large, too deep or not shaped like a graph; details hold the path."""

    code = "malformed_graph"


class GraphInvalid(PatchbayError):
    """The graph has problems of severity "error"; details hold the list."""

    code = "invalid_graph"


class ExpressionError(PatchbayError):
    """An expression could not be read or evaluated; details hold the position in the text."""

    code = "expression_error"


class NodeFailure(PatchbayError):
    """A step failed; the node's error port or the run's end takes it from here."""

    code = "step_failed"


class McpError(NodeFailure):
    """A call to an MCP server failed; the code says how (see docs/reference/errors.md)."""

    code = "mcp_protocol_error"


class LlmError(NodeFailure):
    """A call to a model failed; the code says how (see docs/reference/errors.md)."""

    code = "llm_unreachable"


class BudgetExceeded(NodeFailure):
    """A budget of the workspace is used up: the run is held until it has room; details name the budget."""

    code = "budget_exceeded"
    retryable = True


class OutcomeUnknown(PatchbayError):
    """A call that must not be repeated was sent, and whether it took effect is not known."""

    code = "outcome_unknown"


class ForkImpossible(PatchbayError):
    """What would be taken over does not fit the graph; details name the step."""

    code = "fork_impossible"


class NotAllowedNow(PatchbayError):
    """The object is in a state in which this cannot be done; details hold the state."""

    code = "not_allowed_now"


class ConcurrencyFull(NotAllowedNow):
    """The author has a run refused where none of its key has room; details hold the limit."""

    code = "concurrency_full"
    retryable = True


class LeaseLost(PatchbayError):
    """Another host owns the run, or this one was too late to renew its lease."""

    code = "lease_lost"
