"""Loops: drawn by mouse and by keyboard, run, and looked at one iteration after the other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import picture
from tests.browser.test_draw_publish_run_answer import drag, insert_data, node, port, settings
from tests.support.product import Api, a_document, a_node

ORDERS = '[{"id": "A1", "pieces": 2}, {"id": "B2", "pieces": 0}, {"id": "C3", "pieces": 5}]'


def placed(kind_id: str, kind: str, config: dict[str, Any], x: int, y: int, **more: Any) -> dict[str, Any]:
    return {**a_node(kind_id, kind, config, **more), "position": {"x": x, "y": y}}


def orders() -> list[dict[str, Any]]:
    """A trigger, and a step that gives a list of three orders."""
    return [
        placed("start", "manual_trigger", {}, 0, 0),
        placed(
            "orders",
            "set_values",
            {"values": [{"id": "found", "value": f"{{{{ {ORDERS} }}}}"}]},
            312,
            0,
            title="Find the orders",
        ),
    ]


def nested(on_item_error: str = "continue") -> dict[str, Any]:
    """For each order, each of two boxes: the second order has no pieces to divide by."""
    return a_document(
        [
            *orders(),
            placed(
                "each_order",
                "for_each",
                {"items": "{{ steps.orders.found }}", "on_item_error": on_item_error},
                624,
                0,
                title="Each order",
            ),
            placed(
                "each_box",
                "for_each",
                {"items": "{{ [10, 20].map(n, n / item.pieces) }}"},
                664,
                92,
                title="Each box",
                parent="each_order",
            ),
            placed(
                "label",
                "set_values",
                {"values": [{"id": "text", "value": "Box {{ index }}: {{ item }}"}]},
                704,
                184,
                title="Print the label",
                parent="each_box",
            ),
            placed("tell", "reply", {"text": "{{ size(steps.each_order.failed) }} failed"}, 1200, 0),
        ],
        "start>orders, orders>each_order, each_order>tell",
    )


def made(api: Api, name: str, graph: dict[str, Any]) -> str:
    workflow: dict[str, Any] = api("POST", "/workflows", {"name": name, "graph": graph})
    return str(workflow["id"])


def ran(api: Api, workflow: str, status: str) -> str:
    run = api("POST", f"/workflows/{workflow}/runs", {"input": {}, "draft": True})
    api.run_until(run["id"], status)
    return str(run["id"])


def opened(page: Page, path: str) -> None:
    page.goto(re.sub(r"^(https?://[^/]+).*", rf"\1{path}", page.url))
    # On a small screen the editor opens as a list.
    drawn = page.get_by_role("region", name="Canvas").or_(
        page.get_by_role("navigation", name="Steps as a list")
    )
    expect(drawn).to_be_visible()


def saved(page: Page, api: Api, workflow: str) -> dict[str, dict[str, Any]]:
    """The nodes of the saved draft by id."""
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=10_000)
    return {item["id"]: item for item in api("GET", f"/workflows/{workflow}")["graph"]["nodes"]}


def from_palette(page: Page, entry: str, onto: Locator, x: int, y: int) -> None:
    page.locator(f'[data-entry="{entry}"]').drag_to(onto, target_position={"x": x, "y": y})


def quick_add(page: Page, search: str) -> None:
    dialog = page.get_by_role("dialog", name="Add step")
    dialog.get_by_label("Search steps and tools").fill(search)
    expect(dialog.get_by_role("option").first).to_be_visible()
    dialog.get_by_label("Search steps and tools").press("Enter")
    expect(dialog).to_be_hidden()


def test_a_loop_is_drawn_by_mouse_run_and_its_second_iteration_looked_at(page: Page, api: Api) -> None:
    workflow = made(api, "Pack orders", a_document(orders(), "start>orders"))
    opened(page, f"/workflows/{workflow}")
    from_palette(page, "for_each", page.locator(".react-flow__pane"), 480, 560)
    loop = node(page, "for_each")
    expect(loop.get_by_text("Drag steps in here")).to_be_visible()
    page.get_by_role("button", name="Fit to screen").click()
    picture(page, "loop-empty")
    drag(page, port(page, "orders", "out"), loop.locator(".port.is-in"))
    loop.locator(".step-head").click()
    settings(page).get_by_role("button", name=re.compile("Find the orders › found")).click()
    expect(loop.get_by_text("Each of")).to_be_visible()

    from_palette(page, "set_values", loop, 200, 130)
    expect(page.get_by_label("Title of this step")).to_be_visible()
    page.get_by_label("Title of this step").fill("Pack it")
    settings(page).get_by_role("button", name="Add value").click()
    settings(page).get_by_label(re.compile("Name of ")).first.fill("box")
    insert_data(page, "Value of box", "item")
    expect(settings(page).get_by_text("Element", exact=True)).to_be_visible()
    nodes = saved(page, api, workflow)
    assert nodes["set_values"]["parent"] == "for_each"
    assert "size" not in nodes["for_each"]
    page.get_by_role("button", name="Tidy up").click()

    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Start run").click()
    expect(loop.get_by_text("3 of 3", exact=True)).to_be_visible(timeout=15_000)
    settings(page).get_by_role("tab", name="Last result").click()
    expect(settings(page).get_by_text("C3").first).to_be_visible()
    loop.get_by_role("button", name="Previous iteration").click()
    expect(settings(page).get_by_text("2 of 3")).to_be_visible()
    expect(settings(page).get_by_text("B2").first).to_be_visible()
    picture(page, "loop-second-iteration")
    settings(page).get_by_role("tab", name="Settings").click()
    settings(page).get_by_label("Insert data into Value of box", exact=True).click()
    expect(settings(page).locator('[data-path="item.id"]')).to_contain_text("B2")


def test_a_step_goes_into_a_loop_and_the_lines_that_cost_come_back_with_undo(page: Page, api: Api) -> None:
    graph = a_document(
        [
            *orders(),
            placed("loop", "for_each", {"items": "{{ steps.orders.found }}"}, 624, 0),
            placed("pack", "set_values", {"values": [{"id": "n", "value": "1"}]}, 624, 320, title="Pack"),
        ],
        "start>orders, orders>loop, orders>pack",
    )
    workflow = made(api, "Into the loop", graph)
    opened(page, f"/workflows/{workflow}")
    drag(page, node(page, "pack").locator(".tile"), node(page, "loop").get_by_text("Drag steps in here"))
    expect(page.get_by_text("One line crossed the edge of the loop")).to_be_visible()
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    page.get_by_role("button", name="Fit to screen").click()
    picture(page, "loop-line-cut")
    assert saved(page, api, workflow)["pack"]["parent"] == "loop"

    drag(page, port(page, "pack", "out"), node(page, "loop").locator(".port.is-in"))
    expect(page.get_by_text("gathers what they give: no line is needed")).to_be_visible()
    expect(page.locator(".react-flow__edge")).to_have_count(2)

    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".react-flow__edge")).to_have_count(3)
    back = saved(page, api, workflow)["pack"]
    assert back.get("parent") is None
    assert back["position"] == {"x": 624, "y": 320}


def test_a_step_is_dragged_out_of_a_loop_and_a_condition_is_chosen(page: Page, api: Api) -> None:
    body = {"values": [{"id": "done", "value": "{{ index > 1 }}"}]}
    graph = a_document(
        [
            placed("start", "manual_trigger", {}, 0, 0),
            placed("loop", "repeat", {"max_times": 5}, 312, 0, title="Ask until ready"),
            placed("check", "set_values", body, 352, 92, title="Check", parent="loop"),
            placed("other", "set_values", body, 352, 252, title="Other", parent="loop"),
        ],
        "start>loop, check>other",
    )
    workflow = made(api, "Ask until ready", graph)
    opened(page, f"/workflows/{workflow}")
    node(page, "loop").locator(".step-head").click()
    insert_data(page, "Until", "steps.check.done")
    expect(node(page, "loop").get_by_text("Until ‹steps.check.done›")).to_be_visible()
    settings(page).get_by_label("How Until compares").select_option("is not")
    settings(page).get_by_label("Value of Until").fill("no")
    picture(page, "loop-condition")
    assert saved(page, api, workflow)["loop"]["config"]["until"] == '{{ steps.check.done != "no" }}'

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close settings").click()
    frame = node(page, "loop").bounding_box()
    tile = node(page, "other").locator(".tile").bounding_box()
    assert frame is not None
    assert tile is not None
    page.mouse.move(tile["x"] + 8, tile["y"] + 8)
    page.mouse.down()
    page.mouse.move(tile["x"] + 30, tile["y"] + 40, steps=4)
    page.mouse.move(frame["x"] + 60, frame["y"] + frame["height"] + 40, steps=6)
    page.mouse.up()
    expect(page.get_by_text("One line crossed the edge of the loop")).to_be_visible()
    assert saved(page, api, workflow)["other"].get("parent") is None
    page.get_by_role("button", name="Undo this").click()
    assert saved(page, api, workflow)["other"]["parent"] == "loop"


def test_a_loop_is_filled_copied_and_deleted_by_keyboard(page: Page, api: Api) -> None:
    graph = a_document(
        [*orders(), placed("loop", "for_each", {"items": "{{ steps.orders.found }}"}, 624, 0)],
        "start>orders, orders>loop",
    )
    workflow = made(api, "By keyboard", graph)
    opened(page, f"/workflows/{workflow}")
    settings = page.get_by_role("region", name="Settings")
    page.get_by_label("Search steps and tools").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(node(page, "start")).to_be_focused()
    node(page, "loop").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("i")
    quick_add(page, "set values")
    expect(settings).to_be_focused()
    page.keyboard.press("a")
    quick_add(page, "wait")
    nodes = saved(page, api, workflow)
    assert [nodes[name]["parent"] for name in ("set_values", "wait")] == ["loop", "loop"]
    expect(page.locator(".react-flow__edge")).to_have_count(3)

    page.keyboard.press("m")
    page.get_by_role("dialog", name="Move “Wait”").get_by_role("button", name="Outside of every loop").press(
        "Enter"
    )
    expect(page.locator(".react-flow__edge")).to_have_count(2)
    expect(settings).to_be_focused()
    assert saved(page, api, workflow)["wait"].get("parent") is None

    node(page, "loop").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+d")
    expect(node(page, "set_values_2")).to_be_visible()
    assert saved(page, api, workflow)["set_values_2"]["parent"] == "loop_2"
    page.keyboard.press("Delete")
    expect(node(page, "set_values_2")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(node(page, "set_values_2")).to_be_visible()
    page.keyboard.press("l")
    outline = page.get_by_role("navigation", name="Steps as a list")
    expect(outline.get_by_role("button", name="Add a step inside For each").first).to_be_visible()
    picture(page, "loop-as-list")
    outline.get_by_role("button", name=re.compile("^Delete ")).last.click()
    expect(outline).to_be_focused()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_iterations_of_nested_loops_are_looked_at_in_the_run(
    make_visitor: Any, api: Api, width: int, height: int, scheme: str
) -> None:
    workflow = made(api, f"Boxes {width} {scheme}", nested())
    run = ran(api, workflow, "succeeded")
    page = make_visitor(width, height, scheme).sign_in()
    opened(page, f"/runs/{run}")
    steps = page.get_by_role("region", name="Steps of the run")
    outer = steps.get_by_role("region", name="Iterations of Each order")
    expect(outer.get_by_text("2 of 3 done, 1 failed")).to_be_visible(timeout=15_000)
    expect(outer.get_by_text("2 of 3", exact=True)).to_be_visible()

    outer.get_by_role("button", name="All iterations").click()
    outer.get_by_role("button", name="Iteration 3 Done").click()
    inner = steps.get_by_role("region", name="Iterations of Each box")
    expect(inner.get_by_text("2 of 2 done")).to_be_visible()
    inner.get_by_role("button", name="Previous iteration").click()
    steps.get_by_role("button", name=re.compile("Print the label")).click()
    details = page.get_by_role("region", name="Details of the step")
    expect(details.get_by_text("Box 0: 2").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"#step=each_order%5B2%5D%2Feach_box%5B0%5D%2Flabel$"))
    picture(page, f"loop-run-{width}-{scheme}")

    page.reload()
    expect(details.get_by_text("Box 0: 2").first).to_be_visible(timeout=15_000)
    outer.get_by_role("button", name="First that failed").click()
    expect(outer.get_by_text("2 of 3", exact=True)).to_be_visible()

    opened(page, f"/workflows/{workflow}")
    picture(page, f"loop-editor-{width}-{scheme}")


def test_a_failure_in_a_loop_leads_to_its_iteration_and_is_run_again_from_there(page: Page, api: Api) -> None:
    workflow = made(api, "Boxes that fail", nested(on_item_error="fail"))
    run = ran(api, workflow, "failed")
    opened(page, f"/runs/{run}")
    page.get_by_role("button", name="Show step").click()
    details = page.get_by_role("region", name="Details of the step")
    expect(
        details.get_by_role("group", name="Iterations of Each order").get_by_text("2 of 3")
    ).to_be_visible()
    picture(page, "loop-run-failed")
    details.get_by_role("button", name="Run again from here").click()
    dialog = page.get_by_role("dialog", name=re.compile("Run again from"))
    expect(dialog.get_by_text("iteration 2 of “Each order”")).to_be_visible()
    with page.expect_request("**/replay") as sent:
        dialog.get_by_role("button", name="Start run").click()
    assert sent.value.post_data_json["from"] == "each_order[1]/each_box"


def test_a_long_loop_is_listed_without_drawing_every_row(page: Page, api: Api) -> None:
    graph = a_document(
        [
            placed("start", "manual_trigger", {}, 0, 0),
            placed("loop", "repeat", {"until": "{{ index >= 1199 }}", "max_times": 2000}, 312, 0),
            placed(
                "n", "set_values", {"values": [{"id": "n", "value": "{{ index }}"}]}, 352, 92, parent="loop"
            ),
        ],
        "start>loop",
    )
    workflow = made(api, "A long loop", graph)
    run = ran(api, workflow, "succeeded")
    opened(page, f"/runs/{run}")
    rounds = page.get_by_role("region", name="Iterations of Repeat")
    expect(rounds.get_by_text("1200 done")).to_be_visible(timeout=20_000)
    rounds.get_by_role("button", name="All iterations").click()
    rows = rounds.get_by_role("list", name="All iterations").get_by_role("listitem")
    expect(rounds.get_by_role("button", name="Iteration 1200 Done")).to_be_visible()
    assert rows.count() < 20
    rounds.locator(".iteration-list").evaluate("box => { box.scrollTop = 0 }")
    rounds.get_by_role("button", name="Iteration 2 Done").click()
    expect(rounds.get_by_text("2 of 1200", exact=True)).to_be_visible()
