"""Finds values in a text by the name, the kind and the description of a field; null where there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from examples.demo_model.words import terms

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?<![\w#.,-])(?:\+\d[\d ()/-]{6,}\d|0\d[\d ()/-]{5,}\d|\(?\d{3}\)?[ -]\d{3}[ -]\d{4})(?!\w)"
)
_URL = re.compile(r"https?://[^\s<>\"]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rf"\b(?P<iso>20\d\d-[01]\d-[0-3]\d)\b|\b(?P<d1>[0-3]?\d)\.(?P<m1>[01]?\d)\.(?P<y1>20\d\d)\b"
    rf"|\b(?P<d2>[0-3]?\d)(?:st|nd|rd|th)?\s+(?P<m2>{'|'.join(_MONTHS)})[a-z]*\.?,?\s+(?P<y2>20\d\d)\b"
    rf"|\b(?P<m3>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<d3>[0-3]?\d)(?:st|nd|rd|th)?,?\s+(?P<y3>20\d\d)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?:€|\$|eur(?:o|os)?|usd)\s*(\d[\d.,]*)|(\d[\d.,]*)\s*(?:€|\$|eur(?:o|os)?\b|usd)", re.IGNORECASE
)
_NUMBER = re.compile(r"(?<![\w#.-])\d+(?:[.,]\d+)?(?![\w-])")
_REFERENCE = re.compile(
    r"#\s?(\d{3,10})|\b(?:order|number|no\.?|nr\.?|bestellung)\s*(?:number|no\.?|nr\.?|is|:)?\s*#?\s*(\d{3,10})",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"(?<!\d)(\d{4,10})(?!\d)")
_NAME = re.compile(
    r"\b(?:my name is|i am|i'm|this is|regards,?|name:)\s+([A-Z][\w'-]+(?:\s+[A-Z][\w'-]+){0,2})"
)
_COMPANY = re.compile(r"\b(?:at|from|company:?|for)\s+([A-Z][\w&-]+(?:\.\w+)?(?:\s+[A-Z][\w&-]+){0,2})")
_SEATS = re.compile(
    r"(\d[\d.,]*)\s*(?:\w+\s+)?(?:people|employees|users|seats|agents|colleagues)", re.IGNORECASE
)
_YES, _NO = (
    re.compile(r"\b(yes|sure|please do|of course)\b", re.IGNORECASE),
    re.compile(r"\b(no|not|never)\b", re.IGNORECASE),
)


def values(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A value or null for every property of an object schema."""
    return {name: value_of(name, dict(row), text) for name, row in schema.get("properties", {}).items()}


def value_of(name: str, row: Mapping[str, Any], text: str) -> Any:
    kinds = row.get("type", "string")
    kind = next((entry for entry in kinds if entry != "null"), "string") if isinstance(kinds, list) else kinds
    about = f"{name} {row.get('title', '')} {row.get('description', '')}".replace("_", " ").lower()
    if "enum" in row:
        return _choice([entry for entry in row["enum"] if entry is not None], text)
    if kind in {"number", "integer"}:
        return _number(about, text)
    if kind == "boolean":
        return _truth(about, text)
    if kind == "array":
        items = row.get("items", {})
        return [entry for entry in items.get("enum", ()) if _choice([entry], text)]
    if kind == "object":
        return values(row, text)
    return _text(about, str(row.get("format", "")), text)


def lead_score(text: str) -> int:
    """0 to 100: how much a message sounds like someone who will buy."""
    found = terms(text)
    score = 20 + 12 * len(
        found & terms("price quote budget demo trial pilot contract rollout purchase start")
    )
    seats = [float(match.replace(",", "").replace(".", "")) for match in _SEATS.findall(text)]
    score += 30 if any(count >= 50 for count in seats) else 12 if seats else 0
    mails = _EMAIL.findall(text)
    score += 10 if mails and not any(free in mails[0] for free in ("gmail", "outlook", "yahoo", "gmx")) else 0
    score -= 25 if found & terms("student homework free newsletter unsubscribe job") else 0
    return max(0, min(score, 98))


def _text(about: str, form: str, text: str) -> str | None:
    if form == "email" or "mail" in about:
        return _first(_EMAIL, text)
    if form == "uri" or "website" in about:
        return _first(_URL, text)
    if form.startswith("date"):
        return _day(text)
    if "phone" in about:
        return _first(_PHONE, text)
    if any(word in about for word in ("order", "number", "reference", "invoice", "id ")):
        return _reference(text)
    if "company" in about or "organisation" in about:
        return _first(_COMPANY, _EMAIL.sub("", text))
    if "name" in about:
        return _first(_NAME, text)
    if any(word in about for word in ("summary", "message", "request", "need", "reason")):
        return " ".join(text.split())[:200] or None
    return None


def _day(text: str) -> str | None:
    """The first date that exists, as YYYY-MM-DD."""
    for found in _DATE.finditer(text):
        parts = {name: value for name, value in found.groupdict().items() if value}
        if "iso" in parts:
            day, month, year = parts["iso"][8:], parts["iso"][5:7], parts["iso"][:4]
        else:
            day, month, year = (next(parts[name] for name in parts if name[0] == kind) for kind in "dmy")
        number = int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1
        try:
            return date(int(year), number, int(day)).isoformat()
        except ValueError:
            continue
    return None


def _reference(text: str) -> str | None:
    without_dates = _DATE.sub(" ", text)
    found = _REFERENCE.search(without_dates)
    if found:
        return found.group(1) or found.group(2)
    return _first(_LONG_NUMBER, _PHONE.sub(" ", without_dates))


def _number(about: str, text: str) -> float | int | None:
    if "score" in about:
        return lead_score(text)
    if any(word in about for word in ("amount", "price", "euro", "eur", "budget", "total", "cost")):
        found = _MONEY.search(text)
        return _as_number(found.group(1) or found.group(2)) if found else None
    if any(word in about for word in ("people", "employees", "seats", "users", "size", "team")):
        seats = _SEATS.search(text)
        return _as_number(seats.group(1)) if seats else None
    plain = _NUMBER.search(_DATE.sub(" ", text))
    return _as_number(plain.group(0)) if plain else None


def _as_number(text: str) -> float | int:
    text = text.rstrip(".,")
    if "," in text and "." in text:
        text = (
            text.replace(",", "")
            if text.rfind(".") > text.rfind(",")
            else text.replace(".", "").replace(",", ".")
        )
    elif re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        text = text.replace(",", "").replace(".", "")
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() else number


def _truth(about: str, text: str) -> bool | None:
    if terms(about) & terms(text):
        return not _NO.search(text)
    return True if _YES.search(text) else False if _NO.search(text) else None


def _choice(options: list[str], text: str) -> str | None:
    found = terms(text)
    ranked = [(len(found & terms(option.replace("_", " "))), option) for option in options]
    best = max(ranked, default=(0, ""), key=lambda row: row[0])
    return best[1] if best[0] else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        return None
    return (found.group(1) if pattern.groups else found.group(0)).strip().rstrip(".,;")
