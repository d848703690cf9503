"""The small vocabulary of the demo model: stems, and families of words that mean about the same in a shop."""

from __future__ import annotations

import re

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("order", "purchase", "bought", "ordered"),
    (
        "status",
        "where",
        "track",
        "tracking",
        "arrive",
        "arrival",
        "expected",
        "eta",
        "when",
        "shipped",
        "progress",
    ),
    ("parcel", "package", "delivery", "deliver", "shipment", "shipping", "post", "courier"),
    ("late", "delay", "delayed", "waiting", "overdue", "yet", "missing", "lost", "still", "days"),
    ("refund", "money", "reimburse", "repay", "chargeback", "paid", "cash"),
    ("reship", "resend", "replace", "replacement", "again", "new", "urgent", "need", "soon", "quickly"),
    ("return", "back", "exchange", "swap", "wrong", "size", "fit"),
    ("cancel", "stop", "withdraw", "undo"),
    ("broken", "damaged", "defect", "faulty", "cracked", "torn", "works"),
    (
        "angry",
        "terrible",
        "unacceptable",
        "complaint",
        "complain",
        "worst",
        "disappointed",
        "furious",
        "lawyer",
    ),
    ("human", "person", "agent", "someone", "manager", "speak", "talk", "call"),
    ("invoice", "bill", "receipt", "vat", "tax", "accounting"),
    ("price", "cost", "quote", "pricing", "offer", "discount", "budget"),
    ("demo", "trial", "evaluate", "pilot", "test"),
    ("team", "company", "enterprise", "employees", "seats", "users", "department"),
    ("open", "opening", "hours", "shop", "store", "address", "location"),
    ("thanks", "thank", "great", "love", "perfect", "happy"),
)
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "get",
        "got",
        "has",
        "have",
        "he",
        "hello",
        "her",
        "hi",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "just",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "please",
        "she",
        "so",
        "that",
        "the",
        "their",
        "them",
        "there",
        "they",
        "this",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
        "asks",
        "ask",
        "about",
        "customer",
        "wants",
        "want",
        "message",
        "says",
        "say",
    ]
)
_WORD = re.compile(r"[a-zäöüßéèáíóúñ]+", re.IGNORECASE)
# "I don't want a refund" speaks of a refund, but not for it.
_UNWANTED = re.compile(
    r"\b(?:(?:do not|don't|does not|doesn't|did not|didn't|not|no longer|never)\s+"
    r"(?:want|need|like|ask|asking|looking)\b[^.,;!?\n]*?(?=\bbut\b|\bjust\b|[.,;!?\n]|$)|(?:no|without)\s+(?:a\s+)?\w+)",
    re.IGNORECASE,
)
_ENDINGS = ("ing", "ies", "ed", "es", "s", "ly")


def stem(word: str) -> str:
    """A word without its ending: good enough to match "delayed" with "delay"."""
    word = word.lower()
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


_FAMILY_OF = {stem(word): number for number, family in enumerate(FAMILIES) for word in family}


def terms(text: str) -> set[str]:
    """The stems of a text that carry meaning."""
    return {stem(word) for word in _WORD.findall(text) if word.lower() not in STOP_WORDS and len(word) > 1}


def wanted(text: str) -> str:
    """The text without what it says that it does not want."""
    return _UNWANTED.sub(" ", text.replace("’", "'"))


def families(found: set[str]) -> set[int]:
    """The families that these stems belong to."""
    return {_FAMILY_OF[term] for term in found if term in _FAMILY_OF}
