"""Asks a model to decide between choices; the run leaves by the one that was chosen.

Rules come first and cost nothing. `otherwise` is a described answer of its own, `unsure` is taken when the
confidence is below the threshold. A failed call is a failure, never `otherwise`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field as Setting

from runtime.errors import LlmError, NodeFailure
from runtime.fields import Field, fields_schema
from runtime.graph.node_types import JsonSchema, Known
from runtime.graph.problems import Problem
from runtime.graph.schema import ID_PATTERN, Node
from runtime.llm.decision import OTHERWISE, Option, Verdict, decision_prompt, decision_schema, read_verdict
from runtime.llm.extraction import read_fields
from runtime.nodes.base import Config as NodeConfig
from runtime.nodes.base import Leave, NodeContext, NodeType, PortRule, without_effect
from runtime.nodes.conditions import check_conditions, holds
from runtime.nodes.lists import models_of, rows_of, texts_of
from runtime.nodes.model_field import check_model, check_reference, model_field

if TYPE_CHECKING:
    from runtime.llm.client import Completion

UNSURE = "unsure"


class Choice(NodeConfig):
    id: str = Setting(title="Id", pattern=ID_PATTERN)
    title: str = Setting(default="", max_length=120, title="Title")
    description: str = Setting(
        default="",
        max_length=2000,
        title="Description",
        description="Tells the model when this is the answer.",
    )
    examples: list[str] = Setting(default_factory=list, max_length=50, title="Examples")
    min_confidence: float | None = Setting(
        default=None, ge=0, le=1, title="Least confidence", json_schema_extra={"x-advanced": True}
    )


class Rule(NodeConfig):
    """A condition that decides before the model is asked."""

    when: str = Setting(title="When", json_schema_extra={"x-expression": "lazy"})
    choice: str = Setting(min_length=1, title="Then choose")


class Config(NodeConfig):
    model: str = model_field()
    question: str = Setting(
        min_length=1, max_length=4000, title="Question", json_schema_extra={"x-expression": True}
    )
    input: Any = Setting(
        title="What to look at",
        description="Usually the message that came in.",
        json_schema_extra={"x-expression": True, "x-widget": "long_text"},
    )
    choices: list[Choice] = Setting(
        min_length=1,
        max_length=50,
        title="Choices",
        description="One exit each. The description tells the model when to choose it.",
        json_schema_extra={"x-widget": "choices"},
    )
    otherwise: str = Setting(
        default="",
        max_length=2000,
        title="Otherwise",
        description="When none of the choices is right, in words for the model.",
    )
    min_confidence: float | None = Setting(
        default=None,
        ge=0,
        le=1,
        title="Least confidence",
        description='Below it the run leaves by "Unsure". Empty: the best answer counts.',
        json_schema_extra={"x-widget": "share"},
    )
    rules: list[Rule] = Setting(
        default_factory=list,
        title="Rules first",
        description="Decide without the model where it is certain.",
        json_schema_extra={"x-advanced": True, "x-widget": "decision_rules"},
    )
    mode: Literal["one", "all"] = Setting(
        default="one",
        title="How many",
        json_schema_extra={"x-advanced": True, "x-enum-titles": ["The best one", "All that apply"]},
    )
    fields: list[Field] = Setting(
        default_factory=list,
        title="Also read out",
        json_schema_extra={"x-advanced": True, "x-widget": "fields"},
    )
    evidence: bool = Setting(default=False, title="Ask for quotes", json_schema_extra={"x-advanced": True})
    fallback_models: list[str] = Setting(
        default_factory=list,
        max_length=5,
        title="If the model fails, ask",
        description="One after the other. They share the step's time, so that each gets its turn.",
        json_schema_extra={"x-advanced": True, "x-widget": "model_list"},
    )


def output(config: Mapping[str, Any], known: Known) -> JsonSchema:
    answers = [choice.id for choice in models_of(Choice, config.get("choices"))] + [OTHERWISE]
    number = {"type": "number"}
    return {
        "type": "object",
        "properties": {
            "choice": {"type": "string", "title": "Choice", "enum": answers},
            "choices": {"type": "array", "title": "All choices that apply", "items": {"type": "string"}},
            "confidence": {"title": "Confidence", **number},
            "scores": {"type": "object", "title": "Scores", "additionalProperties": number},
            "reason": {"type": "string", "title": "Reason"},
            "evidence": {"type": "array", "title": "Quotes", "items": {"type": "string"}},
            "fields": {
                "title": "Fields",
                **fields_schema(models_of(Field, config.get("fields")), nullable=True),
            },
            "decided_by": {"type": "string", "title": "Decided by"},
        },
        "required": [
            "choice",
            "choices",
            "confidence",
            "scores",
            "reason",
            "evidence",
            "fields",
            "decided_by",
        ],
    }


def check(config: Mapping[str, Any], node: Node, known: Known) -> Iterable[Problem]:
    """Models that are not registered, rules that are no conditions or choose what is not there."""
    yield from check_model(config, node, known)
    fallbacks = config.get("fallback_models")
    for position, reference in enumerate(fallbacks if isinstance(fallbacks, list) else []):
        yield from check_reference(reference, f"fallback_models/{position}", node, known)
    yield from check_conditions(config, node, "rules")
    answers = [OTHERWISE, *(choice.get("id") for _, choice in rows_of(config.get("choices")))]
    for position, rule in rows_of(config.get("rules")):
        if rule.get("choice") and rule["choice"] not in answers:
            text = f'"{rule["choice"]}" is none of the choices.'
            yield Problem(node.id, f"rules/{position}/choice", "unknown_choice", text)


async def run(config: Config, ctx: NodeContext) -> Leave:
    if (choice := _by_rule(config, ctx)) is not None:
        nothing = {field.id: None for field in config.fields}
        verdict = Verdict(choice, [choice], {choice: 1.0}, "A rule decided.", fields=nothing)
        return _leave(config, verdict, "rule", ports=(choice,))
    verdict, model = await _by_model(config, ctx)
    return _leave(config, verdict, model, ports=_ports(config, verdict))


def _by_rule(config: Config, ctx: NodeContext) -> str | None:
    known = {choice.id for choice in config.choices} | {OTHERWISE}
    for position, rule in enumerate(config.rules):
        if rule.choice not in known:
            raise NodeFailure(f'A rule chooses "{rule.choice}", which is no choice.', code="invalid_config")
        if holds(rule.when, ctx, field=f"rules/{position}/when", title=f"rule {position + 1}"):
            return rule.choice
    return None


async def _by_model(config: Config, ctx: NodeContext) -> tuple[Verdict, str]:
    """Ask the model; if it fails for good, the next one of the fallback list.

    The step's time is shared: a model that is silent must not use up what the next one needs.
    """
    references = [config.model, *config.fallback_models]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ctx.timeout_s
    for position, reference in enumerate(references):
        share_s = max(deadline - loop.time(), 0) / (len(references) - position)
        try:
            return await _ask(config, ctx, reference, timeout_s=share_s)
        except LlmError:
            if position == len(references) - 1:
                raise
    raise AssertionError("the list of models is never empty")


async def _ask(config: Config, ctx: NodeContext, reference: str, *, timeout_s: float) -> tuple[Verdict, str]:
    model = await ctx.model(reference)
    options = [
        Option(choice.id, choice.title, choice.description, choice.examples) for choice in config.choices
    ]
    system, user = decision_prompt(
        config.question, options, config.otherwise, config.input, evidence=config.evidence
    )
    fields = fields_schema(config.fields, nullable=True) if config.fields else None
    try:
        completion: Completion = await ctx.llm.complete_json(
            model,
            system=system,
            user=user,
            schema=decision_schema(options, evidence=config.evidence, fields=fields),
            schema_name="decision",
            timeout_s=timeout_s,
        )
    except LlmError as error:
        ctx.spend(error.details.get("usage", {}))
        raise
    ctx.spend(completion.usage.as_dict())
    return read_verdict(
        completion.value or {}, options, config.input, several=config.mode == "all"
    ), model.model


def _ports(config: Config, verdict: Verdict) -> tuple[str, ...]:
    """The chosen exits whose confidence reaches their threshold, or `unsure` where that of the best does not."""
    if not _is_sure(config, verdict, verdict.choice):
        return (UNSURE,)
    return tuple(choice for choice in verdict.choices if _is_sure(config, verdict, choice))


def _is_sure(config: Config, verdict: Verdict, chosen: str) -> bool:
    needed = next((choice.min_confidence for choice in config.choices if choice.id == chosen), None)
    needed = config.min_confidence if needed is None else needed
    return needed is None or verdict.scores.get(chosen, 0.0) >= needed


def _leave(config: Config, verdict: Verdict, decided_by: str, *, ports: tuple[str, ...]) -> Leave:
    return Leave(
        {
            "choice": verdict.choice,
            "choices": verdict.choices,
            "confidence": verdict.confidence,
            "scores": verdict.scores,
            "reason": verdict.reason,
            "evidence": verdict.evidence,
            "fields": read_fields(verdict.fields, config.fields),
            "decided_by": decided_by,
        },
        ports=ports,
    )


def chooses(output: Mapping[str, Any]) -> tuple[str, ...]:
    """Whoever writes the choice by hand is sure of it."""
    choice, choices = texts_of(output.get("choice")), texts_of(output.get("choices"))
    return choices if set(choice) <= set(choices) else choice


NODE = NodeType(
    name="llm_decision",
    title="Decide",
    group="AI",
    description="A model reads something and chooses which way to go.",
    icon="git-fork",
    config=Config,
    output=output,
    run=run,
    chooses=chooses,
    port_rules=(
        PortRule(each="choices"),
        PortRule(OTHERWISE, "Otherwise"),
        PortRule(UNSURE, "Unsure", needs=("min_confidence", "choices.min_confidence")),
    ),
    effect=without_effect,
    check=check,
    summary="{question}",
    default_config={"model": "default", "question": "", "input": "", "choices": []},
)
