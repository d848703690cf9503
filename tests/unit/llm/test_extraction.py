from __future__ import annotations

from runtime.fields import Choice, Field
from runtime.llm.extraction import extraction_prompt, read_fields

FIELDS = [
    Field(id="order_id", title="Order number", description="Five digits"),
    Field(id="amount", kind="number"),
    Field(id="mood", kind="choice", choices=[Choice(id="calm"), Choice(id="angry")]),
]


def test_the_prompt_names_fields_kinds_and_choices_and_holds_the_text_as_data() -> None:
    system, user = extraction_prompt(FIELDS, {"message": "Order 12345"})

    assert "- order_id: Order number (text). Five digits" in system
    assert "- mood: mood (choice; one of calm, angry)" in system
    assert user == '<data>\n{\n "message": "Order 12345"\n}\n</data>'


def test_found_values_are_brought_to_their_kinds() -> None:
    found = read_fields({"order_id": " 12345 ", "amount": "1.299,50 €", "mood": "angry"}, FIELDS)

    assert found == {"order_id": "12345", "amount": 1299.5, "mood": "angry"}


def test_what_is_absent_empty_or_does_not_fit_is_null() -> None:
    assert read_fields({"order_id": "", "amount": "a lot", "invented": 1}, FIELDS) == {
        "order_id": None,
        "amount": None,
        "mood": None,
    }
