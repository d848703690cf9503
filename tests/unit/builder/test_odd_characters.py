"""What hides in a text is found; what is somebody's language is left alone."""

from __future__ import annotations

import pytest

from builder.http.odd_characters import odd_characters, parts
from builder.http.templatetags.pages import exactly


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("plain text,\nwith a\ttab", []),
        ("zero\u200bwidth", [4]),
        ("left\u202eright", [4]),
        ("soft\u00adhyphen", [4]),
        ("no-break\u00a0space", [8]),
        ("bell\x07", [4]),
        ("tag\U000e0041", [3]),
        ("\u3164", [0]),
        ("p\u0430yment", [1]),
        ("Привет, мир", []),
        ("日本語 and English", []),
        ("größe café", []),
        ("ｄelete", [0]),
    ],
)
def test_invisible_and_look_alike_characters_are_found(text: str, at: list[int]) -> None:
    assert list(odd_characters(text)) == at


def test_a_text_is_split_without_losing_anything() -> None:
    text = "a\u200bb\u202e"

    assert "".join(run for run, _ in parts(text)) == text
    assert [what.split()[0] for _, what in parts(text) if what] == ["U+200B", "U+202E"]


def test_a_page_shows_their_numbers_and_escapes_the_rest() -> None:
    shown = exactly("<b>\u200b")

    assert "&lt;b&gt;" in shown
    assert "U+200B</mark>" in shown
