"""The function table: everything an expression may call, documented where it is defined.

`arguments` are already evaluated; macros, has() and coalesce() are handled by the evaluator and listed
here for their documentation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import re2

from runtime.graph.expressions.lexer import failure
from runtime.graph.expressions.values import (
    Perhaps,
    ValueProblem,
    as_text,
    equal,
    is_number,
    json_text,
    known,
    number,
    plain,
    type_name,
)

MAX_TEXT = 1_000_000
MAX_PATTERN = 1000
MAX_PARSED_DEPTH = 100


@dataclass(frozen=True)
class Function:
    """One entry: how it is written, what it does, and an example with its result.

    most      None for any number of arguments
    result    JSON Schema type of the result, or None where it depends on the arguments
    """

    name: str
    signature: str
    description: str
    example: str
    least: int
    most: int | None
    apply: Callable[..., Any]
    result: str | None = None
    is_method: bool = False

    def check_count(self, count: int, position: int, text: str) -> None:
        if count < self.least or (self.most is not None and count > self.most):
            raise failure(f"It is written {self.signature}.", position, text)


def _need(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, kind) or (
        isinstance(value, bool) and bool not in (kind if isinstance(kind, tuple) else (kind,))
    ):
        raise ValueProblem(f"This needs {what}, not {type_name(value)}.")
    return value


def _text(value: Any) -> str:
    result: str = _need(value, str, "a text")
    return result


def _list(value: Any) -> list[Any]:
    result: list[Any] = _need(value, list, "a list")
    return result


def _number(value: Any) -> int | float:
    result: int | float = _need(value, (int, float), "a number")
    return known(result) if isinstance(result, int) else result


def _whole(value: Any) -> int:
    result = number(_number(value))
    if not isinstance(result, int):
        raise ValueProblem("This needs a whole number.")
    return result


def _limited(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueProblem("The text becomes too long.")
    return text


# --- text ---------------------------------------------------------------------------------------------


def _matches(text: Any, pattern: Any) -> bool:
    pattern = _text(pattern)
    if len(pattern) > MAX_PATTERN:
        raise ValueProblem(f"The pattern is longer than {MAX_PATTERN} characters.")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options).search(_text(text)) is not None
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueProblem(f"The pattern cannot be read: {reason}.") from error


def _replace(text: Any, old: Any, new: Any) -> str:
    text, old, new = _text(text), _text(old), _text(new)
    if len(text) + text.count(old) * max(len(new) - len(old), 0) > MAX_TEXT:
        raise ValueProblem("The text becomes too long.")
    replaced: str = text.replace(old, new)
    return replaced


def _split(text: Any, separator: Any) -> list[str]:
    separator = _text(separator)
    return _text(text).split(separator) if separator else list(_text(text))


def _join(items: Any, separator: Any = "") -> str:
    parts = [as_text(item) for item in _list(items)]
    return _limited(_text(separator).join(parts))


def _substring(text: Any, start: Any, end: Any = None) -> str:
    text, begin = _text(text), _whole(start)
    stop = len(text) if end is None else _whole(end)
    if not 0 <= begin <= stop <= len(text):
        raise ValueProblem(f"The text has {len(text)} characters; {begin} to {stop} is outside.")
    part: str = text[begin:stop]
    return part


# --- lists and objects -----------------------------------------------------------------------------------


def _size(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise ValueProblem(f"size() needs a text, a list or an object, not {type_name(value)}.")


def _first(items: Any) -> Any:
    items = _list(items)
    if not items:
        raise ValueProblem("The list is empty, it has no first item.")
    return items[0]


def _last(items: Any) -> Any:
    items = _list(items)
    if not items:
        raise ValueProblem("The list is empty, it has no last item.")
    return items[-1]


def _slice(items: Any, start: Any, end: Any) -> list[Any]:
    return _list(items)[max(_whole(start), 0) : max(_whole(end), 0)]


def _sort(items: Any) -> list[Any]:
    items = _list(items)
    if all(is_number(item) for item in items) or all(isinstance(item, str) for item in items):
        return sorted(items)
    raise ValueProblem("Only a list of numbers, or one of texts, can be sorted.")


def _distinct(items: Any) -> list[Any]:
    found: list[Any] = []
    seen: set[str] = set()
    for item in _list(items):
        key = json.dumps([plain(item), isinstance(item, bool)], sort_keys=True)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found


def _flatten(items: Any) -> list[Any]:
    return [inner for item in _list(items) for inner in (item if isinstance(item, list) else [item])]


def _holds(whole: Any, part: Any) -> bool:
    if whole is None:
        return False
    if isinstance(whole, str):
        return as_text(part).lower() in whole.lower()
    if isinstance(whole, list):
        return any(equal(item, part) for item in whole)
    if isinstance(whole, dict):
        return isinstance(part, str) and part in whole
    raise ValueProblem(f"holds() needs a text, a list or an object, not {type_name(whole)}.")


def _is_empty(value: Any) -> bool:
    return value is None or (value in ("", [], {}) and not isinstance(value, bool))


# --- numbers ------------------------------------------------------------------------------------------------


def _numbers(values: tuple[Any, ...]) -> list[Any]:
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not items:
        raise ValueProblem("There is no number to choose from.")
    return [_number(item) for item in items]


def _round(value: Any, digits: Any = 0) -> int | float:
    places = _whole(digits)
    if not 0 <= places <= 15:
        raise ValueProblem("Round to 0 to 15 digits.")
    if isinstance(_number(value), int):
        return number(value)
    # Decimal takes the number as it is written: as a double, 1.005 is less than it looks.
    unit = Decimal(1).scaleb(-places)
    with localcontext(prec=400):
        return number(float(Decimal(repr(value)).quantize(unit, ROUND_HALF_UP)))


def _sum(items: Any) -> int | float:
    total: int | float = 0
    for item in _list(items):
        total = number(total + _number(item))
    return total


# --- conversions ---------------------------------------------------------------------------------------------


def _int(value: Any) -> int:
    match value:
        case bool():
            return int(value)
        case int() | float():
            return int(number(math.trunc(value)))
        case str():
            return _int(_double(value))
        case datetime():
            return int(value.timestamp())
    raise ValueProblem(f"{type_name(value)} cannot become a whole number.".capitalize())


def _double(value: Any) -> int | float:
    match value:
        case bool():
            return int(value)
        case int() | float():
            return value
        case str():
            text = value.strip()
            try:
                if "_" in text:
                    raise ValueError(text)
                return number(int(text) if text.lstrip("+-").isdigit() and len(text) < 25 else float(text))
            except ValueError:
                raise ValueProblem(f'"{text[:40]}" is no number.') from None
        case timedelta():
            return number(value.total_seconds())
    raise ValueProblem(f"{type_name(value)} cannot become a number.".capitalize())


def _string(value: Any) -> str:
    return "" if value is None else as_text(value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false", "yes", "no", "1", "0"}:
        return value.strip().lower() in {"true", "yes", "1"}
    raise ValueProblem(f"{type_name(value)} cannot become true or false.".capitalize())


def _parse_json(value: Any) -> Any:
    try:
        found = json.loads(
            _text(value),
            parse_constant=_refuse_constant,
            parse_float=lambda digits: number(float(digits)),
            parse_int=lambda digits: number(int(digits)),
        )
    except (ValueError, RecursionError):
        raise ValueProblem("The text is not JSON.") from None
    _check_parsed(found)
    return found


def _check_parsed(found: Any) -> None:
    """Levels that later work could not walk, and halves of characters that no text can hold."""
    level = [found]
    for _ in range(MAX_PARSED_DEPTH):
        if not all(_is_unicode(value) for value in level if isinstance(value, str)):
            raise ValueProblem("The text is not valid Unicode.")
        level = [inner for value in level for inner in _parts_of(value)]
    if level:
        raise ValueProblem(f"The JSON is nested deeper than {MAX_PARSED_DEPTH} levels.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _json(value: Any) -> str:
    return _limited(json_text(value))


def _type(value: Any) -> str:
    names = {bool: "bool", int: "number", float: "number", str: "string", list: "list", dict: "map"}
    names |= {datetime: "timestamp", timedelta: "duration", type(None): "null"}
    return names.get(type(value), "unknown")


# --- moments and durations --------------------------------------------------------------------------------------


def _timestamp(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if is_number(value):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueProblem("The number is outside the range of dates.") from None
    text = _text(value).strip()
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueProblem(f'"{text[:40]}" is no date; write 2026-11-21 or 2026-11-21T09:30:00Z.') from None
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueProblem("The moment is outside the range of dates.") from None


_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re2.compile(r"^([+-]?)((?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+)$")
_DURATION_PART = re2.compile(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    seconds: float
    if is_number(value):
        seconds = float(value)
    else:
        match = _DURATION.match(_text(value).strip())
        if match is None:
            raise ValueProblem(f'"{value[:40]}" is no duration; write 90s, 15m, 1h30m or 2d.')
        seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION_PART.findall(match.group(2)))
        seconds = -seconds if match.group(1) == "-" else seconds
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueProblem("The duration is too long.") from None


def _zone(name: Any) -> tzinfo:
    try:
        return ZoneInfo(_text(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueProblem(
            f'There is no time zone "{str(name)[:40]}"; write one such as Europe/Berlin.'
        ) from None


def _local(moment: Any, zone: Any = "UTC") -> datetime:
    if isinstance(moment, str):
        moment = _timestamp(moment)
    local: datetime = _need(moment, datetime, "a moment")
    try:
        return local.astimezone(_zone(zone))
    except (OverflowError, ValueError):
        raise ValueProblem("The moment is outside the range of dates.") from None


def _field(get: Callable[[datetime], int | str]) -> Callable[..., int | str]:
    return lambda moment, zone="UTC": get(_local(moment, zone))


def _weekday(moment: datetime) -> int:
    """Sunday is 0, as in CEL."""
    return (moment.weekday() + 1) % 7


def _optional(value: Any) -> Perhaps:
    return value if isinstance(value, Perhaps) else Perhaps(True, value)


def _or_value(value: Any, fallback: Any) -> Any:
    found = _optional(value)
    return found.value if found.present and found.value is not None else fallback


def _by_evaluator(*_: Any) -> Any:
    raise ValueProblem("This is handled by the evaluator.")


def _f(
    name: str,
    signature: str,
    description: str,
    example: str,
    count: tuple[int, int | None],
    apply: Callable[..., Any],
    result: str | None = None,
) -> Function:
    return Function(name, signature, description, example, count[0], count[1], apply, result)


def _m(
    name: str,
    signature: str,
    description: str,
    example: str,
    count: tuple[int, int | None],
    apply: Callable[..., Any],
    result: str | None = None,
) -> Function:
    return Function(name, signature, description, example, count[0], count[1], apply, result, is_method=True)


_TABLE: tuple[Function, ...] = (
    # whether something is there
    _f(
        "has",
        "has(path)",
        "True if the value is there.",
        "has(trigger.body.name)",
        (1, 1),
        _by_evaluator,
        "boolean",
    ),
    _f(
        "coalesce",
        "coalesce(a, b, …)",
        "The first that is present and not null.",
        'coalesce(steps.a.text, "-")',
        (1, None),
        _by_evaluator,
    ),
    _m(
        "orValue",
        "a.?b.orValue(x)",
        "What optional access found, or x.",
        'trigger.body.?name.orValue("friend")',
        (1, 1),
        _or_value,
    ),
    _m(
        "hasValue",
        "a.?b.hasValue()",
        "True if optional access found something.",
        "trigger.body.?name.hasValue()",
        (0, 0),
        lambda v: _optional(v).present,
        "boolean",
    ),
    _f(
        "isEmpty",
        "isEmpty(x)",
        "True for null, an empty text, list or object.",
        'isEmpty("")',
        (1, 1),
        _is_empty,
        "boolean",
    ),
    # text
    _f(
        "size",
        "size(x)",
        "Characters of a text, items of a list, entries of an object.",
        'size("abc") == 3',
        (1, 1),
        _size,
        "number",
    ),
    _m("size", "x.size()", "The same, written behind.", "[1, 2].size() == 2", (0, 0), _size, "number"),
    _f(
        "holds",
        "holds(whole, part)",
        "True if a text contains another (ignoring case), or a list the item; false for null.",
        'holds("Refund please", "refund")',
        (2, 2),
        _holds,
        "boolean",
    ),
    _m(
        "contains",
        "t.contains(part)",
        "True if the text contains the part.",
        '"abc".contains("b")',
        (1, 1),
        lambda t, p: _text(p) in _text(t),
        "boolean",
    ),
    _m(
        "startsWith",
        "t.startsWith(part)",
        "True if the text begins with the part.",
        '"abc".startsWith("a")',
        (1, 1),
        lambda t, p: _text(t).startswith(_text(p)),
        "boolean",
    ),
    _m(
        "endsWith",
        "t.endsWith(part)",
        "True if the text ends with the part.",
        '"abc".endsWith("c")',
        (1, 1),
        lambda t, p: _text(t).endswith(_text(p)),
        "boolean",
    ),
    _m(
        "matches",
        "t.matches(pattern)",
        "True if the regular expression is found in the text.",
        '"A-17".matches("^[A-Z]-[0-9]+$")',
        (1, 1),
        _matches,
        "boolean",
    ),
    _f(
        "matches",
        "matches(t, pattern)",
        "The same, written in front.",
        'matches("abc", "b")',
        (2, 2),
        _matches,
        "boolean",
    ),
    _m(
        "lower",
        "t.lower()",
        "In small letters.",
        '"ABC".lower() == "abc"',
        (0, 0),
        lambda t: _text(t).lower(),
        "string",
    ),
    _m(
        "upper",
        "t.upper()",
        "In capital letters.",
        '"abc".upper() == "ABC"',
        (0, 0),
        lambda t: _text(t).upper(),
        "string",
    ),
    _m(
        "trim",
        "t.trim()",
        "Without space at both ends.",
        '" a ".trim() == "a"',
        (0, 0),
        lambda t: _text(t).strip(),
        "string",
    ),
    _m(
        "replace",
        "t.replace(old, new)",
        "Every old part replaced.",
        '"a-b".replace("-", "+") == "a+b"',
        (2, 2),
        _replace,
        "string",
    ),
    _m(
        "split",
        "t.split(separator)",
        "The parts between separators.",
        '"a,b".split(",") == ["a", "b"]',
        (1, 1),
        _split,
        "array",
    ),
    _m(
        "join",
        "list.join(separator)",
        "The items as one text.",
        '[1, 2].join("-") == "1-2"',
        (0, 1),
        _join,
        "string",
    ),
    _m(
        "substring",
        "t.substring(start, end)",
        "Characters from start up to, not including, end.",
        '"hello".substring(1, 3) == "el"',
        (1, 2),
        _substring,
        "string",
    ),
    _m(
        "indexOf",
        "t.indexOf(part)",
        "Where the part begins, -1 if it is not there.",
        '"abc".indexOf("c") == 2',
        (1, 1),
        lambda t, p: _text(t).find(_text(p)),
        "number",
    ),
    # lists and objects
    _m("first", "list.first()", "The first item.", "[3, 4].first() == 3", (0, 0), _first),
    _m("last", "list.last()", "The last item.", "[3, 4].last() == 4", (0, 0), _last),
    _m(
        "slice",
        "list.slice(start, end)",
        "Items from start up to, not including, end.",
        "[1, 2, 3].slice(0, 2) == [1, 2]",
        (2, 2),
        _slice,
        "array",
    ),
    _m(
        "sort", "list.sort()", "Numbers or texts in order.", "[2, 1].sort() == [1, 2]", (0, 0), _sort, "array"
    ),
    _m(
        "reverse",
        "list.reverse()",
        "From the last to the first.",
        "[1, 2].reverse() == [2, 1]",
        (0, 0),
        lambda v: _list(v)[::-1],
        "array",
    ),
    _m(
        "distinct",
        "list.distinct()",
        "Each item once.",
        "[1, 1, 2].distinct() == [1, 2]",
        (0, 0),
        _distinct,
        "array",
    ),
    _m(
        "flatten",
        "list.flatten()",
        "Lists inside the list opened, one level.",
        "[[1], [2]].flatten() == [1, 2]",
        (0, 0),
        _flatten,
        "array",
    ),
    _f(
        "keys",
        "keys(object)",
        "The names in an object, in order.",
        'keys({"b": 1, "a": 2}) == ["a", "b"]',
        (1, 1),
        lambda v: sorted(_need(v, dict, "an object")),
        "array",
    ),
    # numbers
    _f(
        "abs",
        "abs(n)",
        "Without its sign.",
        "abs(-3) == 3",
        (1, 1),
        lambda v: number(abs(_number(v))),
        "number",
    ),
    _f(
        "round",
        "round(n, digits)",
        "Rounded, halves away from zero.",
        "round(2.345, 2) == 2.35",
        (1, 2),
        _round,
        "number",
    ),
    _f(
        "floor",
        "floor(n)",
        "The next whole number below.",
        "floor(2.7) == 2",
        (1, 1),
        lambda v: number(math.floor(_number(v))),
        "number",
    ),
    _f(
        "ceil",
        "ceil(n)",
        "The next whole number above.",
        "ceil(2.1) == 3",
        (1, 1),
        lambda v: number(math.ceil(_number(v))),
        "number",
    ),
    _f(
        "min",
        "min(a, b, …)",
        "The smallest; takes a list too.",
        "min(3, 2) == 2",
        (1, None),
        lambda *v: min(_numbers(v)),
        "number",
    ),
    _f(
        "max",
        "max(a, b, …)",
        "The largest; takes a list too.",
        "max([3, 2]) == 3",
        (1, None),
        lambda *v: max(_numbers(v)),
        "number",
    ),
    _f("sum", "sum(list)", "All numbers added.", "sum([1, 2, 3]) == 6", (1, 1), _sum, "number"),
    # conversions
    _f(
        "string",
        "string(x)",
        "As a text; null becomes an empty one.",
        'string(1.5) == "1.5"',
        (1, 1),
        _string,
        "string",
    ),
    _f("int", "int(x)", "As a whole number, cut towards zero.", 'int("7") == 7', (1, 1), _int, "number"),
    _f("double", "double(x)", "As a number.", 'double("1.5") == 1.5', (1, 1), _double, "number"),
    _f("bool", "bool(x)", "As true or false.", 'bool("yes")', (1, 1), _bool, "boolean"),
    _f("json", "json(x)", "As JSON text.", "json([1]) == '[1]'", (1, 1), _json, "string"),
    _f(
        "parseJson",
        "parseJson(t)",
        "A JSON text as a value.",
        "parseJson('{\"a\": 1}').a == 1",
        (1, 1),
        _parse_json,
    ),
    _f("type", "type(x)", "The name of the type.", 'type(1) == "number"', (1, 1), _type, "string"),
    # moments and durations
    _f(
        "timestamp",
        "timestamp(t)",
        "A moment from a text or from seconds since 1970.",
        'timestamp("2026-11-21T09:30:00Z") < timestamp("2027-01-01")',
        (1, 1),
        _timestamp,
    ),
    _f(
        "duration",
        "duration(t)",
        "A duration: 90s, 15m, 1h30m, 2d; also seconds.",
        'duration("1h30m") == duration(5400)',
        (1, 1),
        _duration,
    ),
    _f(
        "date",
        "date(moment, zone)",
        "The date in a time zone.",
        'date(timestamp("2026-11-21T23:30:00Z"), "Europe/Berlin") == "2026-11-22"',
        (1, 2),
        _field(lambda m: m.date().isoformat()),
        "string",
    ),
    _f(
        "time",
        "time(moment, zone)",
        "The time of day in a time zone.",
        'time(timestamp("2026-11-21T23:30:00Z"), "Europe/Berlin") == "00:30"',
        (1, 2),
        _field(lambda m: m.strftime("%H:%M")),
        "string",
    ),
    _m(
        "getFullYear",
        "moment.getFullYear(zone)",
        "The year.",
        'timestamp("2026-11-21").getFullYear() == 2026',
        (0, 1),
        _field(lambda m: m.year),
        "number",
    ),
    _m(
        "getMonth",
        "moment.getMonth(zone)",
        "The month, January is 0.",
        'timestamp("2026-11-21").getMonth() == 10',
        (0, 1),
        _field(lambda m: m.month - 1),
        "number",
    ),
    _m(
        "getDate",
        "moment.getDate(zone)",
        "The day of the month.",
        'timestamp("2026-11-21").getDate() == 21',
        (0, 1),
        _field(lambda m: m.day),
        "number",
    ),
    _m(
        "getDayOfWeek",
        "moment.getDayOfWeek(zone)",
        "The day of the week, Sunday is 0.",
        'timestamp("2026-11-21").getDayOfWeek() == 6',
        (0, 1),
        _field(_weekday),
        "number",
    ),
    _m(
        "getHours",
        "moment.getHours(zone)",
        "The hour.",
        'timestamp("2026-11-21T09:30:00Z").getHours() == 9',
        (0, 1),
        _field(lambda m: m.hour),
        "number",
    ),
    _m(
        "getMinutes",
        "moment.getMinutes(zone)",
        "The minute.",
        'timestamp("2026-11-21T09:30:00Z").getMinutes() == 30',
        (0, 1),
        _field(lambda m: m.minute),
        "number",
    ),
    _m(
        "getSeconds",
        "moment.getSeconds(zone)",
        "The second.",
        'timestamp("2026-11-21T09:30:05Z").getSeconds() == 5',
        (0, 1),
        _field(lambda m: m.second),
        "number",
    ),
)

FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _TABLE if not function.is_method}
METHODS: Mapping[str, Function] = {function.name: function for function in _TABLE if function.is_method}

_MACRO_TABLE = (
    ("all", "list.all(x, condition)", "True if the condition holds for every item.", "[1, 2].all(x, x > 0)"),
    ("exists", "list.exists(x, condition)", "True if it holds for any item.", "[1, 2].exists(x, x > 1)"),
    (
        "exists_one",
        "list.exists_one(x, condition)",
        "True if it holds for exactly one.",
        "[1, 2].exists_one(x, x > 1)",
    ),
    (
        "filter",
        "list.filter(x, condition)",
        "The items for which it holds.",
        "[1, 2].filter(x, x > 1) == [2]",
    ),
    ("map", "list.map(x, result)", "A result for each item.", "[1, 2].map(x, x * 2) == [2, 4]"),
)


def function_table() -> list[dict[str, str]]:
    """[{"name", "signature", "description", "example"}] for completion in the editor and for the docs."""
    rows = [(row.name, row.signature, row.description, row.example) for row in _TABLE]
    return [
        {"name": name, "signature": signature, "description": description, "example": example}
        for name, signature, description, example in (*rows, *_MACRO_TABLE)
    ]
