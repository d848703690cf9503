"""Scores choices by the words they share with a message; deterministic, and honest when nothing fits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from examples.demo_model.words import families, terms, wanted

OTHERWISE = "otherwise"
WEIGHT_TITLE, WEIGHT_TEXT, WEIGHT_FAMILY, WEIGHT_EXAMPLE = 2.0, 1.0, 1.6, 3.0
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


def scores(choices: Sequence[Mapping[str, Any]], message: str) -> dict[str, float]:
    """Choice id -> 0 … 1, adding up to 1; `otherwise` takes what no word speaks for."""
    real = [choice for choice in choices if choice["id"] != OTHERWISE]
    found = terms(wanted(message))
    told = Counter(term for choice in real for term in terms(_title(choice)) | terms(_description(choice)))
    meant = Counter(family for choice in real for family in _families(choice))
    points = {str(choice["id"]): _points(choice, found, told, meant) for choice in real}
    best = max(points.values(), default=0.0)
    if best <= 0:
        rest = round(0.1 / max(len(points), 1), 4)
        return {**dict.fromkeys(points, rest), OTHERWISE: 0.9}
    # The stronger the best evidence, the less is left for "otherwise".
    doubt = max(0.06, 0.6 - 0.16 * best)
    sharpened = {name: value**2 for name, value in points.items()}
    total = sum(sharpened.values())
    shares = {name: round((1 - doubt) * value / total, 4) for name, value in sharpened.items()}
    return {**shares, OTHERWISE: round(max(1 - sum(shares.values()), 0.0), 4)}


def reason(choice: str, choices: Sequence[Mapping[str, Any]], message: str) -> str:
    """One sentence on which words decided."""
    if choice == OTHERWISE:
        return "No words of the message speak for one of the choices."
    chosen = next(row for row in choices if row["id"] == choice)
    shared = sorted(terms(message) & _all_terms(chosen))
    if shared:
        return f"The message shares these words with the choice: {', '.join(shared[:5])}."
    return "The words of the message mean about the same as those of the choice."


def evidence(choice: Mapping[str, Any], message: str) -> list[str]:
    """The sentence of the message that shares most with the choice, as it stands there."""
    about, meant = _all_terms(choice), _families(choice)
    ranked = [
        (len(terms(sentence) & about) + len(families(terms(sentence)) & meant), sentence.strip())
        for sentence in _SENTENCE.findall(message)
    ]
    best = max(ranked, default=(0, ""), key=lambda row: row[0])
    return [best[1]] if best[0] else []


def _points(choice: Mapping[str, Any], found: set[str], told: Counter[str], meant: Counter[int]) -> float:
    """Shared words and meanings; what stands in several choices speaks for each of them the less."""
    title = terms(_title(choice))
    text = terms(_description(choice)) - title
    points = sum(WEIGHT_TITLE / told[term] ** 2 for term in found & title)
    points += sum(WEIGHT_TEXT / told[term] ** 2 for term in found & text)
    points += sum(WEIGHT_FAMILY / meant[family] ** 2 for family in families(found) & _families(choice))
    overlap = [_overlap(found, terms(str(example))) for example in choice.get("examples", ())]
    return points + WEIGHT_EXAMPLE * max(overlap, default=0.0)


def _overlap(found: set[str], example: set[str]) -> float:
    return len(found & example) / len(example) if example else 0.0


def _families(choice: Mapping[str, Any]) -> set[int]:
    return families(terms(_title(choice)) | terms(_description(choice)))


def _all_terms(choice: Mapping[str, Any]) -> set[str]:
    examples = " ".join(map(str, choice.get("examples", ())))
    return terms(f"{_title(choice)} {_description(choice)} {examples}")


def _title(choice: Mapping[str, Any]) -> str:
    return f"{choice.get('title', '')} {str(choice['id']).replace('_', ' ')}"


def _description(choice: Mapping[str, Any]) -> str:
    return str(choice.get("description", ""))
