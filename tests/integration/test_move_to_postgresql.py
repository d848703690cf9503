"""An installation in one process moves to PostgreSQL with all that it has, and goes on there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.product import ROOT, Api, Embedded, a_document, a_node, eventually, manage, published
from tests.support.services import drop_database, fresh_database, require_services

ASK = {"title": "Go on, Zoë?", "choices": [{"id": "yes", "title": "Yes"}]}
DATABASE = "patchbay_test_moved"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    require_services()
    embedded = Embedded(tmp_path_factory.mktemp("old"))
    embedded.start()
    yield embedded
    embedded.stop()


def move(env: Mapping[str, str], **other: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "move_to_postgresql"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **env, **other},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def asking(api: Api) -> tuple[dict[str, Any], str]:
    """A workflow with a webhook, and a run of it that waits for a person."""
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "at_once"}),
        a_node("ask", "human_handoff", ASK),
        a_node("tell", "reply", {"data": "{{ [steps.ask.choice, trigger.body.name] }}"}),
    ]
    workflow = published(api, "Asks before it moves", a_document(nodes, "start>ask, ask.yes>tell"))
    run_id = api.http.post(workflow["hook"], json={"name": "Zoë"}).json()["run_id"]
    api.run_until(run_id, "waiting")
    return workflow, run_id


def item_of(api: Api, run_id: str) -> dict[str, Any]:
    return eventually(
        lambda: next((item for item in api("GET", "/inbox")["items"] if item["run"] == run_id), None)
    )


def test_everything_is_there_afterwards_and_goes_on(old: Embedded, tmp_path: Path) -> None:
    token = old.token()
    before = Api(old.base, token)
    workflow, run_id = asking(before)
    url = fresh_database(DATABASE)
    try:
        running = move(old.env, DATABASE_URL=url)
        assert (running.returncode, "still runs" in running.stderr) == (1, True)
        runs = {run["id"]: run for run in before("GET", "/runs?limit=200")["items"]}
        old.stop()

        other_key = move(old.env, DATABASE_URL=url, SECRET_KEY="another")
        assert (other_key.returncode, "SECRET_KEY" in other_key.stderr) == (1, True)
        moved = move(old.env, DATABASE_URL=url)
        assert moved.returncode == 0, moved.stderr
        again = move(old.env, DATABASE_URL=url)
        assert (again.returncode, "not empty" in again.stderr) == (1, True)

        keys = dict(
            line.split("=", 1)
            for line in manage(
                "move_to_postgresql", "--show-keys", env={**old.env, "DATABASE_URL": url}
            ).splitlines()
        )
        new = Cluster(tmp_path, number=1, env={**keys, "DATABASE_URL": url})
        try:
            new.start(workers=1, is_filled=True)
            goes_on(Api(new.base, token), new.base, workflow, run_id, runs)
        finally:
            new.stop()
    finally:
        drop_database(DATABASE)


def goes_on(
    api: Api, base: str, workflow: dict[str, Any], waiting: str, before: dict[str, dict[str, Any]]
) -> None:
    """The same token, runs, inbox and address; what waited goes on, and what is new is made."""
    after = {run["id"]: run for run in api("GET", "/runs?limit=200")["items"]}
    assert after == before
    item = item_of(api, waiting)
    api("POST", f"/inbox/{item['id']}/answer", {"choice": "yes", "answers": {}, "comment": ""})
    assert api.run_until(waiting, "succeeded")["result"] == ["yes", "Zoë"]
    path = "/hooks/" + workflow["hook"].rpartition("/")[2]
    begun = api.http.post(f"{base}{path}", json={"name": "Nia"}).json()["run_id"]
    api.run_until(begun, "waiting")
    second = api("PATCH", f"/workflows/{workflow['id']}", {"name": "Asks after it moved"})
    assert second["name"] == "Asks after it moved"
