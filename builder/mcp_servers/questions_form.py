"""The part of a server's settings about what it may ask in the middle of a call: people, and models."""

from __future__ import annotations

from typing import Any

from builder.http.errors import Invalid
from builder.mcp_servers.models import McpServer

UNITS = {"minutes": 60, "hours": 3600, "days": 24 * 3600}
MIN_DUE_S, MAX_DUE_S = 60, 400 * 24 * 3600


def questions_form(server: McpServer) -> dict[str, Any]:
    """What the form shows."""
    unit = next(
        name
        for name, seconds in reversed(UNITS.items())
        if server.elicitation_due_s % seconds == 0 or seconds == 60
    )
    models = [("default", "The default model")]
    for connection in server.workspace.model_connections.order_by("name"):
        names = dict.fromkeys([connection.default_model, *connection.models])
        models += [(f"{connection.slug}/{name}", f"{connection.name}: {name}") for name in names if name]
    return {
        "models": models,
        "due": {"amount": f"{server.elicitation_due_s / UNITS[unit]:g}", "unit": unit, "units": list(UNITS)},
    }


def read_questions(given: Any) -> dict[str, Any]:
    """The changes of a sent form; raises Invalid."""
    if "elicitation" not in given:
        return {}
    seconds = _number(given, "due_amount", "Time to answer") * UNITS.get(given.get("due_unit", ""), 3600)
    if not MIN_DUE_S <= seconds <= MAX_DUE_S:
        raise _wrong("due_amount", "The time to answer is between a minute and 400 days.")
    sampling = None
    if given.get("sampling_model"):
        sampling = {
            "model": given["sampling_model"],
            "max_tokens": int(_number(given, "sampling_max_tokens", "Tokens of an answer")),
            "usd_per_day": _number(given, "sampling_usd_per_day", "US dollars a day"),
            "ask_first": given.get("sampling_ask_first") == "yes",
        }
    mode = "decline" if given["elicitation"] == "decline" else "ask"
    return {"elicitation": {"mode": mode, "due_s": int(seconds)}, "sampling": sampling}


def _number(given: Any, field: str, label: str) -> float:
    try:
        number = float(given.get(field, ""))
    except ValueError:
        number = 0
    if not 0 < number <= 100_000:
        raise _wrong(field, f"{label}: write a number above 0, at most 100,000.")
    return number


def _wrong(field: str, message: str) -> Invalid:
    return Invalid("invalid_request", message, {"fields": [{"field": field, "message": message}]})
