"""Which of the offered functions to call, if any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from examples.demo_model import classify, extract


def function_to_call(
    functions: Sequence[Mapping[str, Any]], choice: Any, text: str, *, has_result: bool
) -> Mapping[str, Any] | None:
    """The named one; with "required" the best one; with "auto" the best one if the text fills what it needs.

    has_result   a function has just answered: with "auto" it is time to say something
    """
    if choice == "none" or not functions:
        return None
    if isinstance(choice, Mapping):
        name = choice.get("function", {}).get("name")
        return next((function for function in functions if function["name"] == name), None)
    offered = [
        {
            "id": function["name"],
            "title": str(function["name"]).replace("_", " "),
            "description": function.get("description", ""),
        }
        for function in functions
    ]
    scores = classify.scores(offered, text)
    best = max(functions, key=lambda function: scores[function["name"]])
    if choice == "required":
        return best
    speaks_for_it = scores[best["name"]] > scores[classify.OTHERWISE]
    return best if speaks_for_it and not has_result and _can_be_filled(best, text) else None


def arguments(function: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What the text says of its parameters; those that it does not mention are left out."""
    found = extract.values(function.get("parameters", {}), text)
    return {name: value for name, value in found.items() if value is not None}


def _can_be_filled(function: Mapping[str, Any], text: str) -> bool:
    return set(function.get("parameters", {}).get("required", ())) <= set(arguments(function, text))
