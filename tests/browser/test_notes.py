"""Notes on the canvas: taken like steps, by mouse and keyboard, and in reach where they lie on a loop."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import picture
from tests.support.product import Api, a_document, a_node, eventually


def test_a_note_on_a_loop_is_selected_copied_moved_and_written_in(page: Page, api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("loop", "for_each", {"items": "{{ [1, 2] }}"}),
        a_node("first", "set_values", parent="loop"),
        a_node("second", "set_values", parent="loop"),
    ]
    for node, x, y in zip(nodes, (0, 312, 340, 340), (0, 0, 80, 400), strict=True):
        node["position"] = {"x": x, "y": y}
    graph = a_document(nodes, "start>loop")
    graph["notes"] = [{"id": "note", "text": "Mind the gap", "position": {"x": 344, "y": 220}}]
    workflow = api("POST", "/workflows", {"name": "With a note", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    notes = page.locator(".react-flow__node-note")
    expect(notes).to_have_count(1)

    notes.first.click()
    expect(page.locator(".note-card[data-selected]")).to_have_count(1)
    picture(page, "editor-note-on-a-loop")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(notes).to_have_count(2)
    page.keyboard.press("Control+d")
    expect(notes).to_have_count(3)
    page.keyboard.press("Control+x")
    expect(notes).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(notes).to_have_count(3)
    page.keyboard.press("Escape")

    first = page.get_by_label("Note", exact=True).first
    # The copies lie over all but its corner.
    corner = {"x": 20.0, "y": 20.0}
    notes.first.hover(position=corner)
    box = notes.first.bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] - 20, steps=4)
    page.mouse.up()
    expect(first).not_to_be_focused()
    notes.first.dblclick(position=corner)
    expect(first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Escape")
    page.keyboard.press("Delete")
    expect(notes).to_have_count(2)
    expect(page.get_by_role("region", name="Canvas")).to_be_focused()
    page.keyboard.press("Control+z")

    def saved() -> bool:
        notes = api("GET", f"/workflows/{workflow['id']}")["graph"]["notes"]
        return [note["text"] for note in notes] == ["Mind the gap!", "Mind the gap", "Mind the gap"]

    eventually(saved)
    assert api("GET", f"/workflows/{workflow['id']}")["graph"]["notes"][0]["position"]["y"] < 220


def test_a_note_goes_along_with_the_loop_that_it_lies_on(page: Page, api: Api) -> None:
    nodes = [
        a_node("start", "manual_trigger"),
        a_node("loop", "for_each", {"items": "{{ [1, 2] }}"}),
        a_node("inside", "set_values", parent="loop"),
    ]
    for node, x, y in zip(nodes, (0, 312, 352), (0, 0, 92), strict=True):
        node["position"] = {"x": x, "y": y}
    graph = a_document(nodes, "start>loop")
    graph["notes"] = [
        {"id": "on", "text": "On the loop", "position": {"x": 400, "y": 120}},
        {"id": "beside", "text": "Beside it", "position": {"x": 0, "y": 240}},
    ]
    workflow = api("POST", "/workflows", {"name": "A note goes along", "graph": graph})
    page.goto(page.url.rstrip("/") + f"/workflows/{workflow['id']}")
    loop, on = page.locator('[data-id="loop"]'), page.locator('[data-id="note:on"]')
    beside = page.locator('[data-id="note:beside"]')

    def corner(card: Locator) -> tuple[int, int]:
        box = card.bounding_box()
        assert box is not None
        return round(box["x"]), round(box["y"])

    def shifts(before: list[tuple[int, int]]) -> list[tuple[int, int]]:
        now = [corner(card) for card in (loop, on, beside)]
        return [(a[0] - b[0], a[1] - b[1]) for a, b in zip(now, before, strict=True)]

    expect(on).to_be_visible()
    before = [corner(card) for card in (loop, on, beside)]
    x, y = before[0]
    page.mouse.move(x + 120, y + 20)
    page.mouse.down()
    page.mouse.move(x + 160, y + 60, steps=5)
    dragged = shifts(before)
    assert dragged[0] == dragged[1] != (0, 0)
    assert dragged[2] == (0, 0)
    page.mouse.up()
    assert shifts(before) == dragged
    page.keyboard.press("Control+z")
    eventually(lambda: shifts(before) == [(0, 0)] * 3)

    loop.click(position={"x": 120, "y": 20})
    before = [corner(card) for card in (loop, on, beside)]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    moved = shifts(before)
    assert moved[0] == moved[1] != (0, 0)
    assert moved[2] == (0, 0)

    def saved() -> bool:
        stored = api("GET", f"/workflows/{workflow['id']}")["graph"]
        return [note["position"] for note in stored["notes"]] == [
            {"x": 400, "y": 136},
            {"x": 0, "y": 240},
        ]

    eventually(saved)
