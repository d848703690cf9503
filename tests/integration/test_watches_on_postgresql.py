"""Watches on PostgreSQL with worker processes that compete and die: each sight of an item starts one run."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.pliable_mcp import Pliable, a_tool, pliable_mcp
from tests.support.product import Api, a_document, a_node, eventually, published
from tests.support.services import require_services
from tests.support.workspaces import own_workspace

pytestmark = pytest.mark.timeout(300)

TAKEN_OVER_WITHIN_S = 45.0
NUMBERS = itertools.count()


@pytest.fixture
def shop() -> Iterator[Pliable]:
    """A server whose `list_orders` gives what a test puts into `results`."""
    with pliable_mcp() as server:
        server.tools = [a_tool("list_orders", reads=True), a_tool("send_mail")]
        server.results["list_orders"] = {"orders": []}
        yield server


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Workers that a test may kill, if it leaves others behind."""
    require_services()
    cluster = Cluster(tmp_path_factory.mktemp("fragile"), number=2)
    try:
        cluster.start(workers=1)
        yield cluster
    finally:
        cluster.stop()


class Watched:
    """A published workflow that watches the shop's orders, as an operator sees it."""

    def __init__(self, cluster: Cluster, api: Api, shop: Pliable, **config: Any) -> None:
        self.api = api
        self.shop = shop
        self.slug = f"shop-{shop.port}-{next(NUMBERS)}"
        server = {"slug": self.slug, "name": "Shop", "transport": "http", "url": shop.url, "enable": "all"}
        self.server = self.api("POST", "/mcp-servers", server)["id"]
        assert self.api("POST", f"/mcp-servers/{self.server}/refresh")["status"] == "ok"
        workflow = published(self.api, f"Orders of {self.slug}", self.graph(**config))
        self.id = workflow["id"]
        self._rows = psycopg.connect(cluster.env["DATABASE_URL"], autocommit=True)

    def graph(self, **config: Any) -> dict[str, Any]:
        watch = {
            "server": self.slug,
            "tool": "list_orders",
            "items": "{{ result.data.orders }}",
            "key": "{{ item.id }}",
            "every_s": 3600,
            **config,
        }
        return a_document(
            [a_node("seen", "watch_trigger", watch), a_node("end", "reply", {"data": "{{ trigger }}"})],
            "seen>end",
        )

    @property
    def state(self) -> dict[str, Any]:
        [trigger] = self.api("GET", f"/workflows/{self.id}")["triggers"]
        watch: dict[str, Any] = trigger["watch"]
        return watch

    def look(self) -> None:
        """Let it be due, and wait until somebody has looked, or failed to."""
        [(before,)] = self._query("SELECT clock_timestamp()")
        self._query(
            "UPDATE runtime_schedule SET due_at = now() WHERE workflow_id = %s AND NOT is_paused", self.id
        )
        # The look that follows sets the time of the next one, which lies an hour ahead.
        has_looked = (
            "SELECT count(*) FROM runtime_schedule WHERE workflow_id = %s"
            " AND due_at > %s + interval '10 minutes'"
        )
        eventually(
            lambda: self._query(has_looked, self.id, before)[0][0],
            within_s=TAKEN_OVER_WITHIN_S,
            what="a look",
        )

    def let_be_due(self) -> None:
        self._query("UPDATE runtime_schedule SET due_at = now() WHERE workflow_id = %s", self.id)

    def multiply(self, count: int) -> None:
        """As if as many more triggers looked at the same, all due now."""
        self._query(
            "INSERT INTO runtime_schedule"
            " (id, workspace_id, workflow_id, node, kind, spec, missed, due_at, is_paused, fence, failures)"
            " SELECT gen_random_uuid(), workspace_id, workflow_id, 'copy_' || number, kind, spec, missed, now(),"
            " false, 0, 0 FROM runtime_schedule, generate_series(1, %s) AS number WHERE workflow_id = %s",
            count,
            self.id,
        )

    def undo_multiply(self) -> None:
        query = "DELETE FROM runtime_schedule WHERE workflow_id = %s AND node LIKE 'copy_%%'"
        self._query(query, self.id)

    def runs(self) -> list[dict[str, Any]]:
        """What each run was given, oldest first."""
        query = "SELECT input FROM runtime_run WHERE workflow_id = %s ORDER BY id"
        return [row[0] for row in self._query(query, self.id)]

    def started_by(self) -> set[str]:
        query = "SELECT DISTINCT started_by FROM runtime_run WHERE workflow_id = %s"
        return {row[0] for row in self._query(query, self.id)}

    def unfinished(self) -> int:
        query = "SELECT count(*) FROM runtime_run WHERE workflow_id = %s AND status <> 'succeeded'"
        return int(self._query(query, self.id)[0][0])

    def show(self, *orders: dict[str, Any]) -> None:
        self.shop.results["list_orders"] = {"orders": list(orders)}

    def _query(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        cursor = self._rows.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._rows.close()
        self.api("DELETE", f"/workflows/{self.id}", expect=204)


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Api:
    return cluster.api()


@pytest.fixture
def watch(cluster: Cluster, admin: Api, shop: Pliable) -> Iterator[Any]:
    """A function that makes watches."""
    made: list[Watched] = []

    def make(**config: Any) -> Watched:
        made.append(Watched(cluster, admin, shop, **config))
        return made[-1]

    yield make
    for each in made:
        each.close()


def order(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, **more}


def test_what_is_there_at_the_beginning_is_remembered_and_news_starts_a_run_each(
    watch: Any, shop: Pliable
) -> None:
    shop.results["list_orders"] = {"orders": [order(1), order(2)]}
    orders = watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")
    assert (orders.runs(), orders.state["remembered"]) == ([], 2)

    orders.show(order(1), order(2, status="late"), order(3))
    orders.look()
    assert orders.runs() == [order(2, status="late"), order(3)]
    orders.look()
    orders.show(order(3))
    orders.look()
    orders.show(order(3), order(2, status="late"))
    orders.look()

    assert len(orders.runs()) == 2
    assert orders.started_by() == {"watch"}
    eventually(lambda: not orders.unfinished(), what="the runs having ended")


def test_everything_at_the_beginning_starts_a_run_where_its_author_wants_that(
    watch: Any, shop: Pliable
) -> None:
    shop.results["list_orders"] = {"orders": [order(number) for number in range(50)]}
    orders = watch(first="run")

    eventually(lambda: orders.state["looked_at"], what="the first look")

    assert sorted(run["id"] for run in orders.runs()) == list(range(50))


def test_an_item_counts_once_it_fits(watch: Any, shop: Pliable) -> None:
    shop.results["list_orders"] = {"orders": [order(1, late=False)]}
    orders = watch(where={"all": [{"left": "{{ item.late }}", "op": "is_true"}]})
    eventually(lambda: orders.state["looked_at"], what="the first look")

    orders.show(order(1, late=True), order(2, late=False))
    orders.look()

    assert orders.runs() == [order(1, late=True)]


def test_a_look_that_fails_says_why_tries_again_later_and_loses_nothing(watch: Any, shop: Pliable) -> None:
    orders = watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")
    shop.status = 500
    orders.look()
    orders.look()

    state = orders.state
    assert state["error"]["code"] == "mcp_protocol_error"
    assert state["failures"] == 2
    assert state["next_at"] > state["looked_at"]
    shop.status = 200
    orders.show(order(7))
    orders.api("POST", f"/workflows/{orders.id}/watches/seen/look")
    eventually(lambda: orders.state["error"] is None, what="the look that was asked for")

    assert (orders.state["error"], orders.state["failures"]) == (None, 0)
    assert orders.runs() == [order(7)]


def test_what_an_admin_decides_holds_for_the_next_look(watch: Any, shop: Pliable) -> None:
    orders = watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")
    tool = f"/mcp-servers/{orders.server}/tools/list_orders"
    asked = len(shop.calls)
    for change, code in (
        ({"enabled": False}, "mcp_tool_blocked"),
        ({"enabled": True, "effect": "once"}, "tool_has_effects"),
        ({"effect": "none", "approval": {"kind": "anyone"}}, "approval_needed"),
    ):
        orders.api("PATCH", tool, change)
        orders.look()
        assert orders.state["error"]["code"] == code
    assert len(shop.calls) == asked


def test_a_tool_with_effects_is_not_published_as_a_watch(watch: Any) -> None:
    orders = watch()
    draft = orders.api("GET", f"/workflows/{orders.id}")
    body = {"graph": orders.graph(tool="send_mail"), "revision": draft["revision"]}
    orders.api("PUT", f"/workflows/{orders.id}/draft", body)

    refused = orders.api("POST", f"/workflows/{orders.id}/publish", {}, expect=422)

    assert "tool_has_effects" in {problem["code"] for problem in refused["details"]["problems"]}


def test_a_paused_workflow_does_not_look_and_catches_up_when_it_is_resumed(watch: Any, shop: Pliable) -> None:
    orders, other = watch(), watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")
    orders.api("POST", f"/workflows/{orders.id}/pause")
    asked = orders.state
    orders.show(order(1))
    orders.let_be_due()
    other.look()
    other.look()

    assert orders.state["looked_at"] == asked["looked_at"]
    assert orders.state["next_at"] is None
    assert orders.runs() == []
    orders.api("POST", f"/workflows/{orders.id}/resume")
    eventually(orders.runs, what="the run of what appeared meanwhile")


def test_publishing_anew_keeps_what_was_seen_unless_something_else_is_looked_at(
    watch: Any, shop: Pliable
) -> None:
    shop.results["list_orders"] = {"orders": [order(1)]}
    orders = watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")

    def publish(**config: Any) -> None:
        revision = orders.api("GET", f"/workflows/{orders.id}")["revision"]
        body = {"graph": orders.graph(**config), "revision": revision}
        orders.api("PUT", f"/workflows/{orders.id}/draft", body)
        orders.api("POST", f"/workflows/{orders.id}/publish", {})

    publish(every_s=7200)
    assert orders.state["remembered"] == 1
    orders.show(order(1), order(2))
    orders.look()
    assert orders.runs() == [order(2)]

    publish(key="{{ string(item.id) + '!' }}")
    eventually(lambda: orders.state["looked_at"], what="the first look at something else")
    assert orders.runs() == [order(2)]
    assert orders.state["remembered"] == 2


def test_two_workers_start_one_run_for_each_sight_of_an_item(watch: Any) -> None:
    orders = watch()
    eventually(lambda: orders.state["looked_at"], what="the first look")
    for turn in range(5):
        orders.show(*(order(number, turn=turn) for number in range(30)))
        for _ in range(4):
            orders.let_be_due()
        orders.look()

    counted = Counter((run["id"], run["turn"]) for run in orders.runs())

    assert set(counted.values()) == {1}
    assert len(counted) >= 30
    assert {number for number, turn in counted if turn == 4} == set(range(30))


def test_slow_servers_of_one_workspace_hold_up_no_watch_of_another(
    cluster: Cluster, watch: Any, shop: Pliable
) -> None:
    answered = threading.Event()
    slow = watch()
    eventually(lambda: slow.state["looked_at"], what="the first look")
    shop.answers["list_orders"] = lambda _: answered.wait(25) and {"content": []}
    with pliable_mcp() as quick:
        quick.tools = [a_tool("list_orders", reads=True)]
        quick.results["list_orders"] = {"orders": []}
        try:
            asked = len(shop.calls)
            slow.multiply(40)
            eventually(lambda: len(shop.calls) >= asked + 12, what="workers looking at all that they may")
            other = Watched(cluster, own_workspace(cluster)["admin"], quick)
            eventually(lambda: other.state["looked_at"], within_s=10, what="the look of the other workspace")
        finally:
            answered.set()
            slow.undo_multiply()
    other.close()


@pytest.mark.parametrize("point", ["before_watch", "after_watch"])
def test_a_worker_killed_while_it_starts_runs_loses_and_doubles_none(
    fragile: Cluster, shop: Pliable, point: str
) -> None:
    orders = Watched(fragile, fragile.api(), shop)
    eventually(lambda: orders.state["looked_at"], what="the first look")
    for worker in fragile.workers:
        worker.kill()
    fragile.env["PATCHBAY_FAULT"] = f"{point}:kill:seen"
    # More than one transaction holds, so that one of them is written and another one is not.
    orders.show(*(order(number) for number in range(50)))
    for deaths in range(1, 3):
        doomed = fragile.add_worker()
        orders.let_be_due()
        eventually(
            lambda worker=doomed: not worker.is_running, within_s=60, what=f"death {deaths} of a worker"
        )
        written = len(orders.runs())
        assert written == (0 if point == "before_watch" else 20 * deaths)
    del fragile.env["PATCHBAY_FAULT"]
    fragile.add_worker()
    orders.let_be_due()

    eventually(lambda: len(orders.runs()) >= 50, within_s=TAKEN_OVER_WITHIN_S, what="every item's run")
    orders.look()
    assert Counter(run["id"] for run in orders.runs()) == Counter(range(50))
    eventually(lambda: not orders.unfinished(), within_s=TAKEN_OVER_WITHIN_S, what="the runs having ended")
    orders.close()
