"""The shared part of the language gives what a CEL library gives, and no text does worse than an error.

Left out because they are meant to differ: `/`, sums of whole numbers and doubles, `size` of a text outside ASCII,
and everything that only our language has.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ExpressionError
from runtime.graph.expressions.checker import check, references
from runtime.graph.expressions.evaluator import evaluate
from runtime.graph.expressions.parser import MAX_DEPTH, parse
from runtime.graph.expressions.syntax import Tree, children
from runtime.graph.templates import parse_template

SCOPE: dict[str, Any] = {
    "n": 7,
    "s": "order A-17",
    "yes": True,
    "numbers": [3, 1, 2],
    "m": {"a": 1, "b": {"c": "deep"}, "list": [1, 2]},
}


class Failed:
    """The result of an expression that fails; which words it fails with is each one's own."""

    def __repr__(self) -> str:
        return "failed"


FAILED = Failed()


def ours(text: str) -> Any:
    try:
        return evaluate(parse(text), SCOPE, text)
    except ExpressionError:
        return FAILED


def theirs(text: str) -> Any:
    try:
        return cel.evaluate(text, SCOPE)
    except Exception:
        return FAILED


def shown(value: Any) -> str:
    """A text in which true is not 1, and 2.0 is 2."""
    return json.dumps(_whole(value), sort_keys=True, default=repr)


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


# --- expressions that both understand ------------------------------------------------------------------

LETTERS = st.text("abA-17 '\"\\\n", max_size=6)


def quoted(text: str) -> str:
    return json.dumps(text)


def loose(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """With or without brackets: without, the neighbours' precedence decides what is meant."""
    return st.builds(lambda text, form: form.format(text), texts, st.sampled_from(["{}", "({})"]))


def joined(parts: st.SearchStrategy[str], operators: list[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda left, operator, right: f"{left} {operator} {right}", parts, st.sampled_from(operators), parts
    )


whole = st.one_of(
    st.integers(0, 30).map(str), st.sampled_from(["n", "m.a", "numbers[0]", "size(numbers)", "0x1F", "-5"])
)
double = st.sampled_from(["0.5", "2.25", "1e2", "-1.5", "3.0"])
text = st.one_of(LETTERS.map(quoted), st.sampled_from(["s", "m.b.c", "r'A-\\d+'", "'\\u00e9\\x41'"]))
items = st.one_of(
    st.lists(whole, max_size=3).map(lambda inner: f"[{', '.join(inner)}]"),
    st.sampled_from(["numbers", "m.list"]),
)
truth = st.sampled_from(["true", "false", "yes", "has(m.a)", "has(m.nobody)", "has(m.b.c)"])
wrong = st.sampled_from(["nobody", "m.nobody", "numbers[9]", "1 % 0", "m.a.b", "null"])


def grown(
    parts: tuple[st.SearchStrategy[str], ...],
) -> tuple[st.SearchStrategy[str], ...]:
    """One level more of whole numbers, doubles, texts, lists and truths."""
    whole, double, text, items, truth = parts
    anything = st.one_of(whole, double, text, items, truth, wrong)
    macro = st.builds(
        lambda target, name, body: f"{target}.{name}(x, {body})",
        items.map(lambda inner: f"({inner})"),
        st.sampled_from(["all", "exists", "exists_one"]),
        joined(st.one_of(st.just("x"), whole), ["<", "==", ">="]),
    )
    method = st.builds(
        lambda target, name, part: f"({target}).{name}({part})",
        text,
        st.sampled_from(["contains", "startsWith", "endsWith"]),
        text,
    )
    choice = "({} ? {} : {})".format
    return (
        loose(
            st.one_of(
                whole,
                joined(whole, ["+", "-", "*", "%"]),
                whole.map("-({})".format),
                items.map("size({})".format),
                st.builds(choice, truth, whole, whole),
            )
        ),
        loose(st.one_of(double, joined(double, ["+", "-", "*"]), double.map("-({})".format))),
        loose(st.one_of(text, joined(text, ["+"]), st.builds(choice, truth, text, text))),
        loose(
            st.one_of(
                items,
                joined(items, ["+"]),
                items.map("({}).map(x, x * 2)".format),
                items.map("({}).filter(x, x > 1)".format),
                items.map("({}).map(x, x > 1, -x)".format),
            )
        ),
        loose(
            st.one_of(
                truth,
                joined(st.one_of(truth, wrong), ["&&", "||"]),
                joined(st.one_of(whole, double), ["<", "<=", ">", ">=", "==", "!="]),
                joined(text, ["<", "<=", ">", ">=", "==", "!="]),
                joined(anything, ["==", "!="]),
                st.builds("{} in {}".format, anything, items),
                st.builds("{} in {{'a': {}}}".format, text, anything),
                truth.map("!({})".format),
                macro,
                method,
            )
        ),
    )


def expressions() -> st.SearchStrategy[str]:
    parts: tuple[st.SearchStrategy[str], ...] = (whole, double, text, items, truth)
    for _ in range(3):
        parts = grown(parts)
    made = st.builds(lambda key, value: f"{{{key}: {value}}}", LETTERS.map(quoted), st.one_of(*parts))
    return st.one_of(*parts, made)


@given(expressions())
@settings(max_examples=400, deadline=None)
def test_a_shared_expression_gives_the_same(text: str) -> None:
    assert shown(ours(text)) == shown(theirs(text))


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 == 7 && !false",
        "-5 % 3",
        "1 - -1",
        "'a' in m && m['a'] == 1",
        "m.list == [1, 2]",
        "false ? nobody : 'b' + 'c'",
        "nobody || true",
        "[[1], [2, 3]].map(row, size(row))",
        "s.matches('A-[0-9]+')",
        r"r'\d' + '''a'b''' + ".rstrip("+ ") + r" + '\n'",
        "m.exists(key, key == 'b')",
        "numbers.map(x, numbers.filter(y, y < x))",
        "{'a': [1, {'b': null}]}.a[1].b == null",
        "9223372036854775807 - 1",
        "9223372036854775807 + 1",
    ],
)
def test_a_written_example_gives_the_same(text: str) -> None:
    assert shown(ours(text)) == shown(theirs(text))


@pytest.mark.parametrize(
    ("text", "here", "there"),
    [
        ("7 / 2", 3.5, 3),
        ("1 + 0.5", 1.5, FAILED),
        ("1.0 / 0.0 > 0.0", FAILED, True),
        ("size('é')", 1, 2),
        ("has(m.nobody.c)", False, FAILED),
    ],
)
def test_the_differences_are_those_that_are_meant(text: str, here: Any, there: Any) -> None:
    assert (ours(text), theirs(text)) == (here, there)


# --- any text at all ------------------------------------------------------------------------------------

SCRAPS = [
    *(
        "n",
        "s",
        "m",
        "numbers",
        "x",
        "nobody",
        "true",
        "null",
        "in",
        "if",
        "1",
        "2.5",
        "0x",
        "1e",
        "'a'",
        '"',
        "'''",
    ),
    *("(", ")", "[", "]", "{", "}", "{{", "}}", ".", ".?", "[?", ",", ":", "?", "!", "-", "+", "*", "/", "%"),
    *("==", "<", ">=", "&&", "||", "//", "\n", " ", "\\", "é", "\x00", "\ud800"),
    *(
        "has(",
        "size(",
        "coalesce(",
        ".map(x,",
        ".all(x,",
        ".orValue(",
        "timestamp(",
        "parseJson(",
        "matches(",
    ),
]
ANY_TEXT = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SCRAPS), max_size=25).map("".join))


def height(tree: Tree) -> int:
    return 1 + max((height(child) for child in children(tree)), default=0)


def mistake(read: Callable[[str], object], text: str) -> ExpressionError | None:
    """The error of our own that reading the text ends with; every other one goes through."""
    try:
        read(text)
    except ExpressionError as error:
        return error
    return None


@given(ANY_TEXT)
@settings(max_examples=400, deadline=None)
def test_any_text_is_an_expression_or_an_error_with_a_position(text: str) -> None:
    error = mistake(parse, text)

    if error is None:
        assert height(parse(text)) <= MAX_DEPTH
    else:
        assert 0 <= error.details["position"] <= len(text)


@given(ANY_TEXT)
@settings(max_examples=250, deadline=None)
def test_any_text_is_a_template_or_an_error_with_a_position(text: str) -> None:
    error = mistake(parse_template, text)

    assert error is None or 0 <= error.details["position"] <= len(text)


def work_out(text: str) -> None:
    """Everything that is done with a tree, up to its value as JSON."""
    tree = parse(text)
    check(tree, {})
    references(tree)
    json.dumps(evaluate(tree, SCOPE, text), allow_nan=False)


@given(st.one_of(expressions(), ANY_TEXT))
@settings(max_examples=250, deadline=None)
def test_what_can_be_read_can_be_checked_and_gives_json_or_an_error(text: str) -> None:
    error = mistake(work_out, text)

    assert error is None or 0 <= error.details["position"] <= len(text)


DEEPENING = [
    *(
        ("(", ")"),
        ("[", "]"),
        ("{'a':", "}"),
        ("!", ""),
        ("-", ""),
        ("a[", "]"),
        ("a.b[", "]"),
        ("size(", ")"),
    ),
    *(("1+(", ")"), ("[].map(x,", ")"), ("true?1:", "")),
]


@pytest.mark.parametrize(("opening", "closing"), DEEPENING)
def test_depth_is_bounded_whatever_makes_it(opening: str, closing: str) -> None:
    texts = [opening * times + "1" + closing * times for times in range(1, 200)]
    errors = {text: mistake(parse, text) for text in texts}

    assert all(height(parse(text)) <= MAX_DEPTH for text in texts if errors[text] is None)
    assert sum(error is None for error in errors.values()) <= MAX_DEPTH
    assert all("deeper" in error.message or "in a row" in error.message for error in errors.values() if error)
