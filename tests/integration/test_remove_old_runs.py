"""Old runs are removed with all that belongs to them, and nothing else is."""

from __future__ import annotations

import sqlite3

from tests.support.product import Api, Embedded, a_document, a_node, manage, published

ASK = {"title": "Go on?", "choices": [{"id": "yes", "title": "Yes"}]}


def rows_of(product: Embedded, table: str, run_id: str) -> int:
    column = "id" if table == "runtime_run" else "run_id"
    with sqlite3.connect(product.folder / "data" / "patchbay.sqlite3") as database:
        query = f"SELECT count(*) FROM {table} WHERE {column} = ?"
        count = database.execute(query, (run_id.replace("-", ""),)).fetchone()[0]
    database.close()
    return int(count)


def in_database(product: Embedded, statement: str, *values: str) -> str:
    """Execute it; the first value that it gives, if any."""
    with sqlite3.connect(product.folder / "data" / "patchbay.sqlite3", timeout=20) as database:
        row = database.execute(statement, values).fetchone()
    database.close()
    return str(row[0]) if row else ""


def age(product: Embedded, run_id: str) -> None:
    """As if its time were over."""
    statement = "UPDATE runtime_run SET keep_until = '2020-01-01 00:00:00' WHERE id = ?"
    in_database(product, statement, run_id.replace("-", ""))


def remove(product: Embedded, run_id: str) -> None:
    age(product, run_id)
    assert manage("remove_old_runs", env=product.env).strip() == "1 runs removed"


def test_a_run_whose_time_is_over_is_removed_with_its_steps_and_events(product: Embedded, api: Api) -> None:
    graph = a_document(
        [a_node("start", "manual_trigger"), a_node("end", "reply", {"text": "."})], "start>end"
    )
    graph["settings"] = {"keep_days": 7}
    short = published(api, "Kept for a week", graph)
    run_id = api("POST", f"/workflows/{short['id']}/runs", {"input": {}})["id"]
    api.run_until(run_id, "succeeded")
    asking = a_document([a_node("start", "manual_trigger"), a_node("ask", "human_handoff", ASK)], "start>ask")
    waiting = api("POST", f"/workflows/{published(api, 'Waits on', asking)['id']}/runs", {"input": {}})["id"]
    api.run_until(waiting, "waiting")

    manage("remove_old_runs", "--days", "30", env=product.env)
    assert rows_of(product, "runtime_run", run_id) == 1

    remove(product, run_id)

    for table in ("runtime_run", "runtime_step", "runtime_event"):
        assert rows_of(product, table, run_id) == 0
    assert rows_of(product, "runtime_run", waiting) == 1
    api("GET", f"/runs/{run_id}", expect=404)
    api("POST", f"/runs/{waiting}/cancel")


def test_a_run_that_another_one_waited_for_is_kept_for_as_long_as_that_may_be_tried_again(
    product: Embedded, api: Api
) -> None:
    form = a_node("start", "manual_trigger")
    stop = a_node("no", "stop", {"outcome": "failure", "message": "No."})
    child = published(api, "Kept for its parent", a_document([form, stop], "start>no"))
    call = a_node("call", "sub_workflow", {"workflow": child["slug"]})
    parent = published(api, "May be tried again", a_document([form, call], "start>call"))
    failed = api("POST", f"/workflows/{parent['id']}/runs", {"input": {}})["id"]
    api.run_until(failed, "failed")
    [started] = api("GET", f"/runs?parent={failed}")["items"]

    age(product, started["id"])
    assert manage("remove_old_runs", env=product.env).strip() == "0 runs removed"
    age(product, failed)
    # Its parent first, and itself with the next removal at the latest.
    manage("remove_old_runs", env=product.env)
    manage("remove_old_runs", env=product.env)
    assert [rows_of(product, "runtime_run", one) for one in (failed, started["id"])] == [0, 0]


def signals(product: Embedded, key: str) -> int:
    return int(in_database(product, "SELECT count(*) FROM runtime_signal WHERE key = ?", key))


def test_what_people_answered_goes_with_the_run(product: Embedded, api: Api) -> None:
    asking = a_document([a_node("start", "manual_trigger"), a_node("ask", "human_handoff", ASK)], "start>ask")
    workflow = published(api, "Answered and removed", asking)
    run_id = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    api.run_until(run_id, "waiting")
    [item] = [item for item in api("GET", "/inbox")["items"] if item["run"] == run_id]
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes", "answers": {}})
    api.run_until(run_id, "succeeded")
    key = in_database(product, "SELECT key FROM runtime_wait WHERE run_id = ?", run_id.replace("-", ""))
    assert signals(product, key) == 1

    remove(product, run_id)

    assert signals(product, key) == 0


def test_what_nobody_waits_to_hear_any_more_is_forgotten_in_time(product: Embedded, api: Api) -> None:
    asking = a_document([a_node("start", "manual_trigger"), a_node("ask", "human_handoff", ASK)], "start>ask")
    workflow = published(api, "Told too late", asking)
    waiting = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})["id"]
    api.run_until(waiting, "waiting")
    key = in_database(product, "SELECT key FROM runtime_wait WHERE run_id = ?", waiting.replace("-", ""))
    # One for a wait that is open, whose run does not look at it while it is paused; one for a wait that is gone.
    api("POST", f"/runs/{waiting}/pause")
    api.run_until(waiting, "paused")
    for number, told in enumerate((key, "child:of-a-run-that-has-ended")):
        in_database(
            product,
            "INSERT INTO runtime_signal (id, key, delivery_id, payload, sent_at)"
            " VALUES (?, ?, 'd', '{}', '2020-01-01 00:00:00')",
            f"{number:032x}",
            told,
        )

    manage("remove_old_runs", env=product.env)

    assert (signals(product, key), signals(product, "child:of-a-run-that-has-ended")) == (1, 0)
    api("POST", f"/runs/{waiting}/cancel")


def test_keys_of_requests_are_forgotten_in_time(product: Embedded, api: Api) -> None:
    graph = a_document([a_node("start", "manual_trigger")], "")
    address = f"/workflows/{published(api, 'Asked long ago', graph)['id']}/runs"
    key = {"headers": {"Idempotency-Key": "long-ago"}}
    first = api("POST", address, {"input": {}}, **key)
    assert api("POST", address, {"input": {}}, **key)["id"] == first["id"]
    in_database(
        product, "UPDATE http_idempotencykey SET created_at = '2020-01-01 00:00:00' WHERE key = 'long-ago'"
    )

    manage("remove_old_runs", env=product.env)

    assert api("POST", address, {"input": {}}, **key)["id"] != first["id"]


def test_what_is_sent_again_after_its_run_was_removed_is_told_at_once(product: Embedded, api: Api) -> None:
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("end", "reply", {"text": "."}),
    ]
    workflow = published(api, "Sent again", a_document(nodes, "start>end"))
    delivery = {"headers": {"webhook-id": "sent-again"}, "json": {}}
    first = api.http.post(workflow["hook"], **delivery)
    assert (first.status_code, first.json()) == (200, {"text": "."})
    remove(product, first.headers["X-Run-Id"])

    again = api.http.post(workflow["hook"], **delivery, timeout=10)
    assert (again.status_code, again.json()) == (202, {"run_id": first.headers["X-Run-Id"]})

    address, key = f"/workflows/{workflow['id']}/runs", {"headers": {"Idempotency-Key": "asked-again"}}
    begun = api("POST", address, {"input": {}, "wait_s": 10}, **key)
    assert begun["status"] == "succeeded"
    remove(product, begun["id"])
    assert api("POST", address, {"input": {}, "wait_s": 10}, expect=410, **key)["code"] == "run_removed"
