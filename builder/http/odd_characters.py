"""Characters that a reader cannot see, or takes for others: what a text of strangers may hide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_PLAIN = {"\n", "\t", " "}
_HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"}
_BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
"""Letters and marks that are drawn as nothing."""
_WORD = re.compile(r"\w+", re.UNICODE)


def odd_characters(text: str) -> dict[int, str]:
    """Position -> what it is, for each character that is invisible or looks like another one.

    A letter counts as a look-alike if it stands in one word with Latin letters and is of another script: words that are
    wholly of another script are somebody's language.
    """
    found = {at: _told(char) for at, char in enumerate(text) if _is_hidden(char)}
    for word in _WORD.finditer(text):
        found |= {
            at: f"{_told(text[at])}, not a Latin letter"
            for at in _look_alikes(text, word.start(), word.end())
        }
    return found


def parts(text: str) -> Iterator[tuple[str, str]]:
    """(text, "") for plain runs and (character, what it is) for each odd one, in order."""
    start = 0
    for at, what in sorted(odd_characters(text).items()):
        if at > start:
            yield text[start:at], ""
        yield text[at], what
        start = at + 1
    if start < len(text):
        yield text[start:], ""


def _is_hidden(char: str) -> bool:
    if char in _PLAIN:
        return False
    is_selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"
    return is_selector or char in _BLANK or unicodedata.category(char) in _HIDDEN


def _look_alikes(text: str, start: int, end: int) -> Iterator[int]:
    scripts = {at: _script(text[at]) for at in range(start, end) if text[at].isalpha()}
    if "LATIN" in scripts.values():
        yield from (at for at, script in scripts.items() if script != "LATIN")


def _script(char: str) -> str:
    """The first word of a letter's name: LATIN, CYRILLIC, GREEK, MATHEMATICAL, FULLWIDTH …"""
    return unicodedata.name(char, "UNKNOWN").split()[0]


def _told(char: str) -> str:
    return f"U+{ord(char):04X} {unicodedata.name(char, 'without a name').lower()}"
