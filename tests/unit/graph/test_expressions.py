"""The expression language: what it reads, what it gives, and how it says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtime.errors import ExpressionError
from runtime.graph.expressions.checker import check, references
from runtime.graph.expressions.evaluator import evaluate
from runtime.graph.expressions.functions import FUNCTIONS, METHODS, function_table
from runtime.graph.expressions.parser import MACROS, MAX_LENGTH, parse
from runtime.graph.expressions.syntax import Call, Macro, Tree, children
from runtime.graph.shapes import ScopeShape, Shape

SCOPE: dict[str, Any] = {
    "trigger": {"body": {"name": "Ada", "age": 36, "note": None, "tags": ["new", "vip"]}},
    "steps": {"lookup": {"status": "shipped", "items": [{"price": 2.5}, {"price": 4}]}},
    "run": {"started_at": "2026-11-21T09:30:00Z"},
}


def value(text: str, **scope: Any) -> Any:
    return evaluate(parse(text), {**SCOPE, **scope}, text)


def failed(text: str, **scope: Any) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        value(text, **scope)
    return caught.value


def position(text: str) -> int:
    """Where an expression is wrong."""
    found = failed(text).details["position"]
    assert isinstance(found, int)
    return found


# --- operators ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("24 / 4 / 2", 3),
        ("-2 * 3", -6),
        ("--2", 2),
        ("7 % 4 * 2", 6),
        ("1 + 1 == 2", True),
        ("1 < 2 == true", True),
        ("1 == 1 && 2 > 3 || true", True),
        ("false && true || true", True),
        ("false && (true || true)", False),
        ("!true || true", True),
        ("!(true || true)", False),
        ("true ? 1 : false ? 2 : 3", 1),
        ("false ? 1 : false ? 2 : 3", 3),
        ("2 in [1, 2] && true", True),
        ("1 + 2 in [3]", True),
        ('"a" + "b" == "ab"', True),
        ("[1] + [2] == [1, 2]", True),
        ("-trigger.body.age + 40", 4),
    ],
)
def test_operators_bind_as_in_cel(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("false && nobody.home", False),
        ("nobody.home && false", False),
        ("true || nobody.home", True),
        ("nobody.home || true", True),
        ("true ? 1 : nobody.home", 1),
        ("false ? nobody.home : 2", 2),
        ("[1, 2].exists(x, x == 1 || nobody.home)", True),
    ],
)
def test_a_side_that_does_not_decide_may_fail(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize("text", ["true && nobody.home", "nobody.home && true", "false || nobody.home"])
def test_a_side_that_decides_may_not_fail(text: str) -> None:
    assert failed(text).code == "expression_error"


# --- numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 0.5", 1.5),
        ("1 == 1.0", True),
        ("0.5 < 1", True),
        ("7 / 2", 3.5),
        ("6 / 2", 3),
        ("9007199254740993 / 1", 9007199254740993),
        ("9007199254740992 + 1", 9007199254740993),
        ("5 % 3", 2),
        ("-5 % 3", -2),
        ("5 % -3", 2),
        ("7.0 % 2", 1),
        ("0x1F + 1u", 32),
        ("1.5e2", 150),
        (".5 + .5", 1),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_numbers_are_one_type_and_whole_ones_are_exact(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize("text", ["6 / 2", "0.5 + 0.5", "1e2", "2.5 * 2"])
def test_a_number_without_a_fraction_is_given_as_a_whole_one(text: str) -> None:
    assert isinstance(value(text), int)


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "1 % 0",
        "1.5 % 1",
        "9223372036854775808",
        "9223372036854775807 + 1",
        "-9223372036854775807 - 2",
        "9223372036854775807 * 2",
        "1e308 * 10",
        "1e999",
        "99999999999999999999",
        "0xFFFFFFFFFFFFFFFFFF",
    ],
)
def test_what_is_no_number_is_told(text: str) -> None:
    assert failed(text).message.endswith(".")


def test_true_is_not_one() -> None:
    assert value("true == 1") is False
    assert value("1 in [true]") is False
    assert value("[1, true].distinct().size()") == 2


# --- texts, lists, objects -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (r"'it\'s'", "it's"),
        (r'"a\tb\n"', "a\tb\n"),
        (r'"\x41\u00e9\U0001F600\101"', "Aé😀A"),
        (r"r'\d+'", r"\d+"),
        ("r'\\'", "\\"),
        ("'''two\nlines'''", "two\nlines"),
        ('"""say "hi" """', 'say "hi" '),
        ('""', ""),
        ('"{{ }}"', "{{ }}"),
        ('"a" < "b"', True),
        ('"é".size()', 1),
    ],
)
def test_texts_are_written_as_in_cel(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("[1, 2, 3,][2]", 3),
        ("[1, 2][1.0]", 2),
        ("[] == []", True),
        ("[1, [2]] == [1.0, [2]]", True),
        ('{"a": 1, "b": {"c": 2}}.b.c', 2),
        ('{"a": 1}["a"]', 1),
        ('"a" in {"a": 1}', True),
        ("1 in {'1': 1}", False),
        ("null in [null]", True),
        ("{'a': 1} == {'a': 1.0}", True),
        ("{}", {}),
        ('trigger.body["name"]', "Ada"),
        ("steps.lookup.items[1].price", 4),
    ],
)
def test_lists_and_objects_are_read_and_compared_deeply(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("[1, 2, 3].filter(x, x > 1)", [2, 3]),
        ("[1, 2].map(x, x * x)", [1, 4]),
        ("[1, 2, 3].map(x, x > 1, x * 10)", [20, 30]),
        ("[1, 2].all(x, x > 0)", True),
        ("[].all(x, nobody)", True),
        ("[].exists(x, nobody)", False),
        ("[1, 1].exists_one(x, x == 1)", False),
        ('{"b": 1, "a": 2}.map(key, key)', ["b", "a"]),
        ("[[1, 2], [3]].map(row, row.map(x, x + row.size()))", [[3, 4], [4]]),
        ("[1].map(trigger, trigger + 1)", [2]),
        ("sum(steps.lookup.items.map(x, x.price))", 6.5),
    ],
)
def test_macros_go_over_the_items_of_a_list_or_the_keys_of_an_object(text: str, result: Any) -> None:
    assert value(text) == result


def test_the_name_of_a_macro_ends_with_it() -> None:
    assert '"x"' in failed("[1].all(x, true) && x == 1").message


# --- what may be absent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("has(trigger.body.name)", True),
        ("has(trigger.body.note)", True),
        ("has(trigger.body.phone)", False),
        ("has(trigger.nobody.at.home)", False),
        ("has(steps.later.text)", False),
        ("trigger.body.?phone", None),
        ('trigger.body.?phone.orValue("-")', "-"),
        ('trigger.body.?name.orValue("-")', "Ada"),
        ('trigger.body.?note.orValue("-")', "-"),
        ("trigger.?nobody.at.home.orValue(0)", 0),
        ("trigger.nobody.?at.orValue(0)", 0),
        ("trigger.body.?name.hasValue()", True),
        ("trigger.body.?phone.hasValue()", False),
        ('trigger.body[?"phone"].orValue("-")', "-"),
        ("steps.lookup.items[?7].orValue(1)", 1),
        ('coalesce(steps.later.text, trigger.body.note, "-")', "-"),
        ("coalesce(steps.later.text)", None),
        ('coalesce(trigger.body.name, "-")', "Ada"),
        ("coalesce(steps.later.amount * 2, 0)", 0),
        ("[trigger.body.?phone]", [None]),
        ("trigger.body.?phone == null", True),
    ],
)
def test_what_is_absent_can_be_provided_for(text: str, result: Any) -> None:
    assert value(text) == result


@pytest.mark.parametrize(
    "text",
    [
        "trigger.body.phone",
        "steps.later.text",
        "steps.lookup.items[2]",
        "steps.lookup.items[-1]",
        "trigger.body.note.text",
        'trigger["nobody"]',
        "coalesce(1 / 0, 2)",
        'trigger.body.?phone.orValue(steps.later.text) + ""',
    ],
)
def test_what_is_absent_is_an_error_without_provision(text: str) -> None:
    assert failed(text).code == "expression_error"


def test_a_misspelt_name_is_answered_with_the_one_that_was_meant() -> None:
    assert failed("trigger.body.nmae").message == 'There is no "nmae". Did you mean "name"?'


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 0),
        ("   ", 3),
        ("1 +", 3),
        ("1 2", 2),
        ("(1", 2),
        ("[1, 2", 5),
        ('{"a" 1}', 5),
        ("true ? 1", 8),
        ("a.", 2),
        ("a.1", 1),
        ('"open', 0),
        (r'"\q"', 0),
        (r'"\ud800"', 0),
        ("1 @ 2", 2),
        ("1 = 2", 2),
        ("x + if", 4),
        ("nope(1)", 0),
        ('"a".nope()', 4),
        ("1 + size()", 4),
        ("has(1)", 0),
        ("has(a[1 + 1])", 0),
        ("[1].map(1, 2)", 4),
        ("[1].all(x)", 4),
        ("٣", 0),
    ],
)
def test_what_cannot_be_read_is_told_with_its_position(text: str, place: int) -> None:
    assert position(text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('1 + "a"', 2),
        ('"a" - "b"', 4),
        ("1 < 'a'", 2),
        ("1 < 2 < 3", 6),
        ("null > 1", 5),
        ("[1] * 2", 4),
        ("1 in 2", 2),
        ("!1", 1),
        ("-'a'", 0),
        ("1 ? 2 : 3", 0),
        ("true && 1", 8),
        ("{1: 2}", 1),
        ('{"a": 1, "a": 2}', 9),
        ("trigger.body.name.first", 18),
        ('"abc"[0]', 5),
        ("1 + nobody", 4),
        ("trigger.body.name.all(x, true)", 18),
        ("[1].filter(x, x)", 14),
        ("1 + size(2)", 4),
        ('2 + "abc".substring(2, 1)', 10),
    ],
)
def test_what_cannot_be_worked_out_is_told_with_its_position(text: str, place: int) -> None:
    assert position(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "1" * (MAX_LENGTH + 1),
        "(" * 60 + "1" + ")" * 60,
        "[" * 60 + "]" * 60,
        "!" * 60 + "true",
        "a" + ".a" * 60,
        ("(" + "!" * 20) * 40 + "true" + ")" * 40,
        "false||true&&1==1+1*-(" * 45 + "1" + ")" * 45,
        "true ? 1 : " * 60 + "2",
        "1" + ".size()" * 60,
    ],
    ids=["length", "brackets", "lists", "signs", "accesses", "both", "operators", "choices", "calls"],
)
def test_long_and_deep_expressions_are_refused_before_they_are_walked(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_many_operators_in_a_row_cost_no_depth() -> None:
    assert value(" + ".join(["1"] * 1000)) == 1000


NUMBERS = list(range(2000))
ROWS = [{"a": number} for number in NUMBERS]


@pytest.mark.parametrize(
    "text",
    [
        "numbers.map(x, numbers.map(y, x * y)).size()",
        "numbers.all(x, rows == rows)",
        "rows.all(x, !(x in rows.slice(1500, 2000)) || true)",
        "numbers.all(x, long.contains('b') || true)",
        "nobody || numbers.all(x, numbers.all(y, true))",
        "[1]" + ".map(x, [x, x, x, x])" * 20,
        "[long, long]" + ".map(x, x + x)" * 9,
        "numbers.map(x, long).join()",
        'long.replace("a", long)',
        "coalesce(numbers.map(x, numbers + numbers), 1)",
    ],
)
def test_an_expression_cannot_take_long_or_grow_large(text: str) -> None:
    assert failed(text, numbers=NUMBERS, rows=ROWS, long="a" * 100_000).code == "expression_error"


# --- functions -----------------------------------------------------------------------------------

EXAMPLES: list[tuple[str, Any]] = [
    ("has(trigger.body)", True),
    ('coalesce(trigger.body.note, "-")', "-"),
    ("steps.?later.orValue(1)", 1),
    ("1.orValue(2)", 1),
    ("steps.?later.hasValue()", False),
    ('[null, "", [], {}, 0, false, " "].map(x, isEmpty(x))', [True, True, True, True, False, False, False]),
    ('[size("äb"), size([1]), size({"a": 1})]', [2, 1, 1]),
    ('{"a": 1}.size()', 1),
    ('holds("Refund please", "REFUND")', True),
    ('holds("order 17", 17)', True),
    ("holds([1, [2]], [2])", True),
    ('[holds({"a": 1}, "a"), holds({"a": 1}, [1]), holds(null, "a")]', [True, False, False]),
    ('["abc".contains("b"), "abc".contains("B")]', [True, False]),
    ('"abc".startsWith("ab")', True),
    ('"abc".endsWith("ab")', False),
    (r'"A-17".matches(r"^[A-Z]-\d+$")', True),
    ('matches("abc", "b")', True),
    ('"ÄB".lower()', "äb"),
    ('"ß".upper()', "SS"),
    ('" a\\n".trim()', "a"),
    ('"a-b-c".replace("-", "+")', "a+b+c"),
    ('["a,b".split(","), "ab".split("")]', [["a", "b"], ["a", "b"]]),
    ('[["a", 1.0, true].join("-"), ["a", "b"].join()]', ["a-1-true", "ab"]),
    ('["hello".substring(1, 3), "hello".substring(3)]', ["el", "lo"]),
    ('["abc".indexOf("c"), "abc".indexOf("x")]', [2, -1]),
    ("[3, 4].first()", 3),
    ("[3, 4].last()", 4),
    ("[[1, 2, 3].slice(1, 9), [1].slice(-5, 1)]", [[2, 3], [1]]),
    ('[[2, 1.5].sort(), ["b", "a"].sort()]', [[1.5, 2], ["a", "b"]]),
    ("[1, 2].reverse()", [2, 1]),
    ("[1, 1.0, [2], [2], true].distinct()", [1, [2], True]),
    ("[[1], 2, [[3]]].flatten()", [1, 2, [3]]),
    ('keys({"b": 1, "a": 2})', ["a", "b"]),
    ("[abs(-3), abs(2.5)]", [3, 2.5]),
    ("[round(2.345, 2), round(1.005, 2), round(-0.5), round(2.5)]", [2.35, 1.01, -1, 3]),
    ("[round(9007199254740993), round(1e300, 2)]", [9007199254740993, 1e300]),
    ("[floor(2.7), floor(-2.1)]", [2, -3]),
    ("[ceil(2.1), ceil(-2.9)]", [3, -2]),
    ("[min(3, 2.5), min([4, 1])]", [2.5, 1]),
    ("[max(3, 2.5), max([4, 1])]", [3, 4]),
    ("[sum([1, 0.5]), sum([])]", [1.5, 0]),
    ('[string(1.50), string(null), string(true), string([1, "a"])]', ["1.5", "", "true", '[1,"a"]']),
    ('[int("7"), int(-2.9), int(" 12 "), int(true), int(timestamp(60))]', [7, -2, 12, 1, 60]),
    ('[double("1.5"), double("1e2"), double(duration("90s"))]', [1.5, 100, 90]),
    ('[bool("yes"), bool("False"), bool(true)]', [True, False, True]),
    ('json({"a": [1.0, "ä", null]})', '{"a":[1,"ä",null]}'),
    ("parseJson('{\"a\": [1, 2.0]}')", {"a": [1, 2]}),
    (
        '[1, 1.5, "a", true, null, [], {}].map(x, type(x))',
        ["number", "number", "string", "bool", "null", "list", "map"],
    ),
    ('[type(timestamp(0)), type(duration("1s"))]', ["timestamp", "duration"]),
    ('timestamp("2026-11-21T09:30:00+01:00")', "2026-11-21T08:30:00Z"),
    ('[timestamp("2026-11-21"), timestamp(1.5)]', ["2026-11-21T00:00:00Z", "1970-01-01T00:00:01.500000Z"]),
    ('timestamp("2026-03-01") - duration("1d")', "2026-02-28T00:00:00Z"),
    ('timestamp("2026-03-01") - timestamp("2026-02-28T12:00:00Z") == duration("12h")', True),
    ('[duration("1h30m"), duration("-1.5s"), duration(90), -duration("250ms")]', [5400, -1.5, 90, -0.25]),
    ('date("2026-11-21T23:30:00Z", "Europe/Berlin")', "2026-11-22"),
    ("date(timestamp(run.started_at))", "2026-11-21"),
    ('time(timestamp("2026-07-01T22:30:00Z"), "Europe/Berlin")', "00:30"),
    ('timestamp("2026-12-31T23:00:00Z").getFullYear("Europe/Berlin")', 2027),
    ('timestamp("2026-01-31").getMonth()', 0),
    ('timestamp("2026-01-31").getDate()', 31),
    ('timestamp("2026-11-22").getDayOfWeek()', 0),
    ('timestamp("2026-11-22T23:15:10Z").getHours("Asia/Kolkata")', 4),
    ('timestamp("2026-11-22T23:15:10Z").getMinutes("Asia/Kolkata")', 45),
    ('timestamp("2026-11-22T23:15:10Z").getSeconds()', 10),
    ("[1, 2].all(x, x > 1)", False),
    ("[1, 2].exists(x, x > 1)", True),
    ("[1, 2].exists_one(x, x > 0)", False),
    ("[1, 2].filter(x, x > 1)", [2]),
    ("[1, 2].map(x, x + 1)", [2, 3]),
]


@pytest.mark.parametrize(("text", "result"), EXAMPLES)
def test_a_function_gives(text: str, result: Any) -> None:
    assert value(text) == result


def called(tree: Tree) -> Iterator[str]:
    """Functions as `size()`, methods and macros as `.size()`."""
    if isinstance(tree, Call):
        yield f"{'' if tree.target is None else '.'}{tree.name}()"
    if isinstance(tree, Macro):
        yield f".{tree.name}()"
    for child in children(tree):
        yield from called(child)


def test_every_function_has_an_example_here() -> None:
    shown = {name for text, _ in EXAMPLES for name in called(parse(text))}
    known = {f"{name}()" for name in FUNCTIONS} | {f".{name}()" for name in (*METHODS, *MACROS)}

    assert known - shown == set()


@pytest.mark.parametrize("row", function_table(), ids=lambda row: row["signature"])
def test_the_documented_example_of_a_function_holds(row: dict[str, str]) -> None:
    scope = {"trigger": {"body": {"name": "Ada"}}, "steps": {"a": {"text": "t"}}}

    assert evaluate(parse(row["example"]), scope) in (True, "t", "Ada")


@pytest.mark.parametrize(
    "text",
    [
        "size(1)",
        'holds(1, "a")',
        '"a".contains(1)',
        "1.lower()",
        '"a".matches("(")',
        '"a".matches("' + "a" * 1001 + '")',
        '"abc".substring(2, 1)',
        '"abc".substring(0.5)',
        "[].first()",
        "[].last()",
        '[1, "a"].sort()',
        "[null].join()",
        "keys([1])",
        'abs("1")',
        "round(1.5, 20)",
        "round(true)",
        "floor(1e300)",
        "min([])",
        'max(1, "a")',
        'sum(["1"])',
        'int("seven")',
        'int("1_000")',
        "int([])",
        'double("nan")',
        'double("inf")',
        "double([1])",
        "bool(1)",
        'bool("perhaps")',
        'parseJson("{")',
        'parseJson("NaN")',
        'parseJson("1e999")',
        'parseJson("99999999999999999999")',
        "parseJson('" + "[" * 500 + "]" * 500 + "')",
        r"""parseJson('"\\ud800"')""",
        'timestamp("tomorrow")',
        "timestamp(1e300)",
        'timestamp("0001-01-01T00:00:00+14:00")',
        'timestamp("9999-12-31T23:59:59-10:00")',
        'timestamp("9999-12-31") + duration("2d")',
        'duration("90")',
        'duration("99999999999d")',
        '-duration("999999999d23h")',
        "time(5)",
        'date("2026-11-21", "Mars")',
        'date("2026-11-21", "../../etc/passwd")',
        'timestamp("0001-01-01").getHours("America/New_York")',
    ],
)
def test_a_function_says_what_it_cannot_take(text: str) -> None:
    error = failed(text)

    assert error.code == "expression_error"
    assert isinstance(error.details["position"], int)


def test_a_value_that_is_no_number_does_not_leave_an_expression() -> None:
    assert failed("x", x=float("inf")).code == "expression_error"


# --- checked before it runs --------------------------------------------------------------------

ORDER = Shape(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "total": {"type": "number"},
            "paid": {"type": "boolean"},
            "note": {"type": "string"},
            "lines": {
                "type": "array",
                "items": {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]},
            },
            "anything": {},
        },
        "required": ["id", "total", "paid", "lines", "anything"],
    }
)
GUESSED = Shape(
    {"type": "object", "properties": {"n": {"type": "string", "x-sample": True}}, "x-sample": True}
)
SHAPES = {"order": ORDER, "sample": GUESSED, "steps": ScopeShape(members={"a": ORDER})}


def findings(text: str) -> list[tuple[str, str, int]]:
    return [(row.code, row.severity, row.position) for row in check(parse(text), SHAPES)[1]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nobody.id", ("reference_missing", "error", 0)),
        ("order.total + order.ttal", ("reference_missing", "error", 20)),
        ('order["ttal"]', ("reference_missing", "error", 5)),
        ("steps.b.id", ("reference_missing", "error", 6)),
        ("order.note", ("may_be_missing", "warning", 6)),
        ("order.id.length", ("type_mismatch", "error", 9)),
        ("order.id && true", ("type_mismatch", "error", 9)),
        ("!order.total", ("type_mismatch", "error", 0)),
        ("order.id ? 1 : 2", ("type_mismatch", "error", 9)),
        ("order.id > order.total", ("type_mismatch", "error", 9)),
        ("order.id + 1", ("type_mismatch", "error", 9)),
        ("order.total.all(x, true)", ("type_mismatch", "error", 12)),
        ("order.lines.map(l, l.price)", ("reference_missing", "error", 21)),
        ("order.lines[0].price", ("reference_missing", "error", 15)),
        ("coalesce(order.ttal, 1)", ("reference_missing", "warning", 15)),
        ("sample.m", ("reference_missing", "warning", 7)),
        ("sample.?n > 5", ("type_mismatch", "warning", 10)),
        ("sample.?n && true", ("type_mismatch", "warning", 10)),
    ],
)
def test_a_mistake_is_found_before_anything_runs(text: str, found: tuple[str, str, int]) -> None:
    assert findings(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "order.id + order.lines[0].sku",
        "order.anything.at.all",
        "order.?note.orValue('-')",
        "has(order.note) && order.paid",
        "coalesce(order.note, '-')",
        "order.lines.filter(l, l.sku == order.id).size() > order.total",
        '{"a": order.id}.a + "x"',
        "order.paid ? order.id : null",
        "order.total == order.id",
    ],
)
def test_what_may_be_right_is_not_judged(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("order.total * 2", {"number"}),
        ("order.id + 'x'", {"string"}),
        ("order.total > 1 && order.paid", {"boolean"}),
        ("order.lines.map(l, l.sku)", {"array"}),
        ("string(order.total)", {"string"}),
        ("coalesce(order.note, '-')", {"string"}),
        ("order.paid ? 1 : 'a'", set()),
        ("order.anything", set()),
    ],
)
def test_the_kind_of_the_result_is_known_where_it_can_be(text: str, kinds: set[str]) -> None:
    assert check(parse(text), SHAPES)[0].kinds == kinds


def test_a_missing_value_comes_with_its_repair() -> None:
    finding = check(parse("order.note"), SHAPES)[1][0]

    assert (finding.replaces, finding.repair) == ("order.note", 'order.?note.orValue("")')


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("steps.a.x", False),
        ("steps.?a.x", True),
        ("steps.a.?x", True),
        ('steps["a"].x', False),
        ("coalesce(steps.a.x, 1)", True),
        ("coalesce(string(steps.a.x), 1)", True),
        ("coalesce(steps.a.x, 1) + steps.a.y", False),
        ("has(steps.a.x) ? steps.a.x : 1", True),
        ("steps.?a.hasValue() ? steps.a.x : 1", True),
        ("steps.a.x.orValue(1)", True),
        ("trigger.?x.orValue(steps.a.x)", False),
        ("steps.a.rows.map(steps, 1)", False),
        ("steps.a.rows[0].x", False),
    ],
)
def test_a_reference_is_guarded_where_its_absence_is_provided_for(text: str, guarded: bool) -> None:
    found = [row.guarded for row in references(parse(text)) if row.path[:2] == ("steps", "a")]

    assert all(found) is guarded
    assert found


def test_the_name_of_a_macro_is_no_reference() -> None:
    assert [row.path for row in references(parse("steps.a.map(x, x.y)"))] == [("steps", "a")]
