"""Writes a short text from the facts it was given; it never adds one."""

from __future__ import annotations

import json
import re
from typing import Any

_NAME_KEYS = ("first_name", "name", "customer")


def text_from(instructions: str, material: str) -> str:
    """A greeting if a name is known, the facts as sentences, and a closing line."""
    facts = _facts(material)
    name = next((str(facts[key]).split()[0] for key in _NAME_KEYS if facts.get(key)), "")
    body = _sentences(facts) if facts else " ".join(material.split())[:600]
    opening = f"Hello {name}," if name else "Hello,"
    closing = (
        "Sorry for the trouble."
        if re.search(r"apolog|sorry", instructions, re.IGNORECASE)
        else "Kind regards"
    )
    return f"{opening}\n\n{body}\n\n{closing}" if body else f"{opening}\n\n{closing}"


def _facts(material: str) -> dict[str, Any]:
    try:
        value = json.loads(material)
    except ValueError:
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _sentences(facts: dict[str, Any]) -> str:
    shown = []
    for key, value in facts.items():
        if key in _NAME_KEYS or value in (None, "", [], {}):
            continue
        words = key.replace("_", " ")
        said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown.append(f"{words[:1].upper()}{words[1:]}: {said}.")
    return " ".join(shown)
