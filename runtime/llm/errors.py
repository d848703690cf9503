"""Every way a model call fails, as an LlmError with a stable code; a provider's own words are shown, never a key.

details["sent"] is false where the request certainly never reached the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.errors import LlmError
from runtime.gateways import ModelSettings
from runtime.outbound.errors import Blocked, ReplyCompressed, ReplyTooLarge, never_sent

if TYPE_CHECKING:
    import openai

REFUSED = "llm_refused"
SAID_SHOWN = 300
_OF_THE_FORM = frozenset({400, 404, 422})


def failure(model: ModelSettings, code: str, message: str, *, retryable: bool, **details: Any) -> LlmError:
    known = {"connection": model.connection, "model": model.model}
    return LlmError(message, code=code, retryable=retryable, details={**known, **details})


def as_llm_error(error: openai.OpenAIError, model: ModelSettings) -> LlmError:
    """What an error of the SDK means."""
    import openai

    match error:
        case openai.APITimeoutError():
            return timed_out(model, None)
        case openai.APIConnectionError():
            return _connection(error, model)
        case openai.APIStatusError():
            return _status(error, model)
    return invalid_answer(model, "it is not what the protocol says")


def timed_out(model: ModelSettings, timeout_s: float | None) -> LlmError:
    limit = f" within {round(timeout_s, 1) or timeout_s:g} s" if timeout_s else ""
    message = f'"{model.model}" did not answer{limit}. Give the step more time, or choose a faster model.'
    return failure(model, "llm_timeout", message, retryable=True, sent=True)


def invalid_answer(model: ModelSettings, problem: str) -> LlmError:
    message = (
        f'The answer of "{model.model}" does not have the form that was asked for: {problem}. '
        "Try it again, or choose another model."
    )
    return failure(model, "llm_invalid_answer", message, retryable=True, sent=True, problem=problem)


def unreachable(model: ModelSettings, why: str, *, sent: bool = False) -> LlmError:
    message = (
        f'The provider of "{model.model}" cannot be reached: {why}. Check the address of its connection.'
    )
    return failure(model, "llm_unreachable", message, retryable=True, sent=sent)


def unusable_key(model: ModelSettings) -> LlmError:
    message = "The key holds characters that no key can have. Enter it again under Model connections."
    return failure(model, "llm_unauthorized", message, retryable=False, sent=False)


def refuses_form(error: LlmError) -> bool:
    """A refusal that may be about the form of the answer: the model may know another way."""
    return error.code == REFUSED and error.details.get("http_status") in _OF_THE_FORM


def _connection(error: openai.APIConnectionError, model: ModelSettings) -> LlmError:
    cause = error.__cause__
    match cause:
        case Blocked():
            message = (
                f'The address of "{model.connection}" is private and not allowed here. '
                "The instance admin can allow it (PATCHBAY_OUTBOUND_ALLOW)."
            )
            return failure(model, "outbound_blocked", message, retryable=False, sent=False)
        case ReplyTooLarge():
            return invalid_answer(model, "it is larger than can be taken")
        case ReplyCompressed():
            return invalid_answer(model, "it is compressed although that was refused")
    if never_sent(cause):
        return unreachable(model, str(cause)[:SAID_SHOWN])
    return unreachable(model, "the connection broke off in the middle of the call", sent=True)


def _status(error: openai.APIStatusError, model: ModelSettings) -> LlmError:
    status = error.status_code
    details: dict[str, Any] = {"http_status": status, "sent": True, "answered": status < 500}
    if status in {401, 403}:
        message = f'The provider refuses the key of "{model.connection}". Enter a valid one under Model connections.'
        return failure(model, "llm_unauthorized", message, retryable=False, **details)
    if status == 429:
        wait = error.response.headers.get("retry-after", "")
        if wait.isdecimal():
            details["retry_after_s"] = int(wait)
        message = "The provider takes no more calls at the moment: its limit is reached. Try again later."
        return failure(model, "llm_rate_limited", message, retryable=True, **details)
    if status >= 500:
        message = f"The provider failed (HTTP {status}). Try again later."
        return failure(model, "llm_unreachable", message, retryable=True, **details)
    said = _said(error, model.api_key)
    message = f'The provider refuses the request to "{model.model}" (HTTP {status}): {said}'
    return failure(model, REFUSED, message, retryable=False, said=said, param=error.param, **details)


def _said(error: openai.APIStatusError, key: str) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message") if isinstance(inner, dict) else inner
    said = str(body or "it gave no reason")[:SAID_SHOWN]
    return said.replace(key, "•••") if key else said
