"""The prompt of `llm_extract` and how its answer is read; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runtime.fields import Field, normalised
from runtime.llm.prompts import DATA_RULE, data_block


def extraction_prompt(fields: Sequence[Field], material: Any) -> tuple[str, str]:
    """System and user message."""
    lines = "\n".join(f"- {field.id}: {field.label}{_hint(field)}" for field in fields)
    system = (
        f"You read fields out of a text. {DATA_RULE}\n"
        "Take only what stands there. A field that is not in the text is null; never guess. Answer in JSON.\n\n"
        f"Fields:\n{lines}"
    )
    return system, data_block(material)


def read_fields(answer: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Every field in the form of its kind, null where it is absent or does not fit."""
    found: dict[str, Any] = {}
    for field in fields:
        value = answer.get(field.id)
        try:
            found[field.id] = None if value is None or value in ("", []) else normalised(field, value)
        except ValueError:
            found[field.id] = None
    return found


def _hint(field: Field) -> str:
    parts = [field.kind.replace("_", " ")]
    if field.choices:
        parts.append("one of " + ", ".join(choice.id for choice in field.choices))
    described = f". {field.description}" if field.description else ""
    return f" ({'; '.join(parts)}){described}"
