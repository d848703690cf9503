"""The prompt of `llm_decision` and how its answer is read; pure.

The model gives a score from 0 to 1 for every choice and for "otherwise"; the highest one is the choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.llm.prompts import DATA_RULE, data_block

OTHERWISE = "otherwise"


@dataclass(frozen=True)
class Option:
    """One of the choices as the model is told of it."""

    id: str
    title: str
    description: str
    examples: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """scores: choice id -> 0 … 1, `otherwise` among them; evidence: quotes that really stand in the input."""

    choice: str
    choices: list[str]
    scores: dict[str, float]
    reason: str
    evidence: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        return self.scores.get(self.choice, 0.0)


def decision_schema(
    options: Sequence[Option], *, evidence: bool, fields: Mapping[str, Any] | None
) -> dict[str, Any]:
    """JSON Schema of the answer."""
    ids = [option.id for option in options] + [OTHERWISE]
    score = {"type": "number", "minimum": 0, "maximum": 1}
    properties: dict[str, Any] = {
        "scores": {
            "type": "object",
            "properties": dict.fromkeys(ids, score),
            "required": ids,
            "additionalProperties": False,
        },
        "reason": {"type": "string"},
    }
    if evidence:
        properties["evidence"] = {"type": "array", "items": {"type": "string"}}
    if fields:
        properties["fields"] = dict(fields)
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def decision_prompt(
    question: str, options: Sequence[Option], otherwise: str, material: Any, *, evidence: bool
) -> tuple[str, str]:
    """System and user message."""
    listed = [_told(option) for option in options]
    listed.append({"id": OTHERWISE, "description": otherwise or "None of the others fits."})
    quotes = " Under evidence, quote the words of the data that decided, unchanged." if evidence else ""
    system = (
        f"You decide between fixed choices. {DATA_RULE}\n"
        "Give every choice a score from 0 (certainly not) to 1 (certainly); the scores add up to about 1. "
        "Score low everywhere but for otherwise when nothing fits, and be honest when you are not sure. "
        f"Give the reason in at most two short sentences.{quotes} Answer in JSON.\n\n"
        f"Choices:\n{json.dumps(listed, ensure_ascii=False, indent=1)}"
    )
    return system, f"Question: {question}\n\n{data_block(material)}"


def read_verdict(
    answer: Mapping[str, Any], options: Sequence[Option], material: Any, *, several: bool
) -> Verdict:
    """The choice with the highest score; the earlier one of two equals. `several` takes every score from 0.5 on."""
    ids = [option.id for option in options] + [OTHERWISE]
    scores = {choice: round(min(max(float(answer["scores"].get(choice, 0)), 0.0), 1.0), 4) for choice in ids}
    best = max(ids, key=lambda choice: scores[choice])
    chosen = [best]
    if several and best != OTHERWISE:
        chosen = [
            choice for choice in ids if choice != OTHERWISE and (scores[choice] >= 0.5 or choice == best)
        ]
    text = material if isinstance(material, str) else json.dumps(material, ensure_ascii=False)
    quotes = [
        quote for quote in answer.get("evidence", []) if isinstance(quote, str) and quote and quote in text
    ]
    return Verdict(
        choice=best,
        choices=chosen,
        scores=scores,
        reason=str(answer.get("reason", ""))[:600],
        evidence=quotes[:10],
        fields=dict(answer.get("fields") or {}),
    )


def _told(option: Option) -> dict[str, Any]:
    told: dict[str, Any] = {"id": option.id, "title": option.title or option.id}
    if option.description:
        told["description"] = option.description
    if option.examples:
        told["examples"] = list(option.examples)
    return told
