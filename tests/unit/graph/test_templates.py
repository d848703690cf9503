"""Texts with `{{ }}` parts, and configs that hold them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import ExpressionError
from runtime.graph.templates import (
    MAX_RENDERED,
    MAX_TEMPLATE,
    expression_places,
    has_parts,
    parse_template,
    render_config,
)

SCOPE: dict[str, Any] = {
    "name": "Ada",
    "count": 3,
    "share": 0.5,
    "yes": True,
    "nothing": None,
    "items": [1, "ä"],
    "order": {"id": 7, "at": {"city": "Köln"}},
    "tricky": "{{ count }}",
    "path": "a b/ü?&",
}


def rendered(text: str, *, in_url: bool = False) -> Any:
    return parse_template(text).render(SCOPE, in_url=in_url)


def failed(text: str, *, in_url: bool = False) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        rendered(text, in_url=in_url)
    return caught.value


@pytest.mark.parametrize("name", ["name", "count", "share", "yes", "nothing", "items", "order"])
def test_a_text_that_is_one_part_keeps_the_type(name: str) -> None:
    for text in (f"{{{{ {name} }}}}", f"{{{{{name}}}}}"):
        assert rendered(text) == SCOPE[name]
        assert type(rendered(text)) is type(SCOPE[name])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Hello {{ name }}!", "Hello Ada!"),
        ("{{ name }}{{ count }}", "Ada3"),
        (" {{ count }}", " 3"),
        ("{{ count }}\n", "3\n"),
        ("{{ share * 2 }} of {{ 0.1 + 0.2 }}", "1 of 0.30000000000000004"),
        ("it is {{ yes }}", "it is true"),
        ("items: {{ items }}", 'items: [1,"ä"]'),
        ("order: {{ order }}", 'order: {"id":7,"at":{"city":"Köln"}}'),
        ('at {{ timestamp("2026-11-21") }} for {{ duration("90s") }}', "at 2026-11-21T00:00:00Z for 90"),
        ("", ""),
        ("no parts at all", "no parts at all"),
        ("a } b }} c { d", "a } b }} c { d"),
    ],
)
def test_among_other_characters_a_part_becomes_text(text: str, result: str) -> None:
    assert rendered(text) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('{{ "{{" }}', "{{"),
        ('write {{ "{{" }} name }}', "write {{ name }}"),
        ('{{ "}}" }}', "}}"),
        ("{{ '}}' + \"}}\" }}", "}}}}"),
        ('{{ {"a": {"b": 1}} }}', {"a": {"b": 1}}),
        ('{{ {"a": {"b": 1}}}}', {"a": {"b": 1}}),
        ('{{ {"a": 1}.a }}-{{ {} }}', "1-{}"),
        ("{{ items.map(x, {'x': x}) }}", [{"x": 1}, {"x": "ä"}]),
    ],
)
def test_the_expression_says_where_a_part_ends(text: str, result: Any) -> None:
    assert rendered(text) == result


def test_a_value_is_not_read_as_a_template_again() -> None:
    assert rendered("{{ tricky }}") == "{{ count }}"
    assert rendered("-{{ tricky }}") == "-{{ count }}"


def test_null_in_a_text_is_an_error_and_alone_it_is_null() -> None:
    assert rendered("{{ nothing }}") is None
    assert "coalesce" in failed("value: {{ nothing }}").message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{{", 2),
        ("a {{ }}", 5),
        ("{{ name", 7),
        ("{{ name }", 8),
        ("{{ name } }", 8),
        ("{{ name other }}", 8),
        ("ok {{ name }} {{ 1 + }}", 21),
        ("{{ {{ name }} }}", 11),
        ('{{ "open }}', 3),
        ("{{ name }}{{ nobody }}", 13),
        ("12 {{ count + name }}", 12),
    ],
)
def test_a_mistake_is_told_with_its_position_in_the_whole_text(text: str, place: int) -> None:
    error = failed(text)

    assert error.code == "expression_error"
    assert error.details["position"] == place


def test_in_an_address_parts_are_encoded() -> None:
    text = "https://example.com/{{ path }}?n={{ count }}"

    assert rendered(text, in_url=True) == "https://example.com/a%20b%2F%C3%BC%3F%26?n=3"
    assert rendered("{{ path }}", in_url=True) == "a%20b%2F%C3%BC%3F%26"
    assert "null" in failed("{{ nothing }}", in_url=True).message


def test_a_text_without_end_is_refused() -> None:
    assert failed("x" * (MAX_TEMPLATE + 1)).code == "expression_error"
    assert failed("{{ name" + " " * 5000 + "}}").code == "expression_error"


def test_many_parts_cannot_make_a_text_without_end() -> None:
    template = parse_template("{{ long }}" * 1000)

    with pytest.raises(ExpressionError):
        template.render({"long": "x" * (MAX_RENDERED // 10)})


@given(st.text().filter(lambda text: "{{" not in text))
@settings(max_examples=200, deadline=None)
def test_a_text_without_parts_stays_as_it_is(text: str) -> None:
    assert parse_template(text).render({}) == text
    assert not has_parts(text)


@given(st.lists(st.text("a{} '\"\\\n"), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_written_with_its_braces_escaped(pieces: list[str]) -> None:
    text = "".join(pieces)

    assert parse_template(text.replace("{{", '{{ "{{" }}')).render({}) == text


# --- configs -----------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "x-expression": True},
        "server": {"type": "string"},
        "address": {"type": "string", "format": "uri", "x-expression": True},
        "when": {"anyOf": [{"type": "string"}, {"type": "object"}], "x-expression": "lazy"},
        "limit": {"anyOf": [{"type": "number", "x-expression": True}, {"type": "null"}]},
        "arguments": {"type": "object", "additionalProperties": {"x-expression": True}},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
    },
    "$defs": {
        "Row": {
            "type": "object",
            "properties": {"id": {"type": "string"}, "value": {"x-expression": True}},
        }
    },
}
CONFIG: dict[str, Any] = {
    "title": "For {{ name }}",
    "server": "{{ name }}",
    "address": "https://example.com/{{ path }}",
    "when": "{{ count > 1 }}",
    "limit": "{{ count }}",
    "arguments": {"{{ key }}": {"deep": ["{{ items }}", 1]}, "plain": "text"},
    "rows": [{"id": "{{ name }}", "value": "{{ order.id }}"}],
    "unknown": "{{ name }}",
}


def test_a_config_is_rendered_only_where_its_schema_says_so() -> None:
    assert render_config(CONFIG, SCHEMA, SCOPE) == {
        "title": "For Ada",
        "server": "{{ name }}",
        "address": "https://example.com/a%20b%2F%C3%BC%3F%26",
        "when": "{{ count > 1 }}",
        "limit": 3,
        "arguments": {"{{ key }}": {"deep": [[1, "ä"], 1]}, "plain": "text"},
        "rows": [{"id": "{{ name }}", "value": 7}],
        "unknown": "{{ name }}",
    }


def test_an_error_in_a_config_names_the_field() -> None:
    with pytest.raises(ExpressionError) as caught:
        render_config({"arguments": {"a": ["ok", "{{ nobody }}"]}}, SCHEMA, SCOPE)

    assert caught.value.details["field"] == "arguments/a/1"
    assert caught.value.details["position"] == 3


def test_every_expression_of_a_config_is_found_with_what_its_field_allows() -> None:
    found = {place.field: (place.allowed, place.lazy) for place in expression_places(CONFIG, SCHEMA)}

    assert found == {
        "title": (True, False),
        "server": (False, False),
        "address": (True, False),
        "when": (True, True),
        "limit": (True, False),
        "arguments/{{ key }}/deep/0": (True, False),
        "rows/0/id": (False, False),
        "rows/0/value": (True, False),
        "unknown": (False, False),
    }


def test_the_schema_of_a_field_comes_with_its_place() -> None:
    places = {place.field: place.wanted.kinds for place in expression_places(CONFIG, SCHEMA)}

    assert places["limit"] == {"number"}
    assert places["title"] == {"string", "number", "boolean"}


@pytest.mark.parametrize(("value", "text"), [(12.5, "12.5"), (7, "7"), (True, "true"), ("x", "x")])
def test_a_single_part_in_a_text_field_becomes_text(value: object, text: str) -> None:
    assert render_config({"title": "{{ it }}"}, SCHEMA, {"it": value})["title"] == text


def test_rules_are_one_place_and_a_look_alike_among_arguments_is_none() -> None:
    rules = {"all": [{"left": "{{ count }}", "op": "greater", "right": 1}]}
    config = {"when": rules, "arguments": {"query": {"all": [{"left": "{{ name }}"}]}}}

    found = {place.field: place.rules for place in expression_places(config, SCHEMA)}

    assert found == {"when": rules, "arguments/query/all/0/left": None}


@pytest.mark.parametrize("number", [1e22, 10**22], ids=["as it was given", "as PostgreSQL gives it back"])
def test_a_number_beyond_64_bits_is_a_double_wherever_it_stands(number: float) -> None:
    scope = {"it": number, "list": [number]}

    def rendered(text: str) -> Any:
        return parse_template(text).render(scope)

    assert rendered("{{ it }}") == rendered("{{ list.map(one, one)[0] }}") == 1e22
    assert rendered("It is {{ it }}, {{ list }}.") == "It is 1e+22, [1e+22]."
    assert rendered("{{ it / 2 }}") == rendered("{{ sum(list) / 2 }}") == 5e21
    assert render_config({"title": "{{ it }}"}, SCHEMA, scope)["title"] == "1e+22"
