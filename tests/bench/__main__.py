"""`make bench`: what the engine adds to a run and to a step, beside a bare service that makes the same calls.

The floor is one asyncio service with the same libraries over kept sessions, which commits one row per step.
All figures are medians of one run on this machine; compare them with each other, not with other machines.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.floor import Floor
from tests.support.cluster import Cluster
from tests.support.product import Api, Embedded, Example, a_document, a_node, manage, published

RUNS = 40
WARM_UP = 5


def order_status() -> dict[str, Any]:
    """Webhook, extraction, condition, tool, reply: two outside calls and three steps in memory."""
    fields = [{"id": "email", "title": "E-mail", "kind": "email"}]
    rule = {"all": [{"left": "{{ steps.read.email }}", "op": "is_not_empty"}]}
    find = {"server": "crm", "tool": "find_contact", "arguments": {"email": "{{ steps.read.email }}"}}
    return a_document(
        [
            a_node("start", "webhook_trigger", {"respond": "when_replied"}),
            a_node("read", "llm_extract", {"input": "{{ trigger.body.message }}", "fields": fields}),
            a_node("there", "condition", {"branches": [{"id": "yes", "when": rule}]}),
            a_node("find", "mcp_tool", find),
            a_node("tell", "reply", {"data": "{{ steps.find.found }}"}),
        ],
        "start>read, read>there, there.yes>find, find>tell",
    )


def trivial(count: int) -> dict[str, Any]:
    """Steps without any outside call, in a row."""
    nodes = [a_node("start", "webhook_trigger", {"respond": "when_replied"})]
    nodes += [a_node(f"s{n}", "set_values", {"values": [{"id": "n", "value": str(n)}]}) for n in range(count)]
    nodes.append(a_node("tell", "reply", {"data": {"done": True}}))
    ids = [node["id"] for node in nodes]
    return a_document(nodes, ", ".join(f"{a}>{b}" for a, b in itertools.pairwise(ids)))


def measured(post: Callable[[], Any]) -> list[float]:
    """Milliseconds of each of RUNS calls, after a warm-up."""
    for _ in range(WARM_UP):
        post()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        post()
        times.append((time.perf_counter() - started) * 1000)
    return times


def connect(api: Api, crm: Example, model: Example) -> None:
    connection = {"slug": "m", "preset": "other", "base_url": f"{model.url}/v1", "models": ["demo-rules"]}
    api("POST", "/model-connections", connection)
    server = {"slug": "crm", "name": "crm", "transport": "http", "url": f"{crm.url}/mcp", "enable": "all"}
    registered = api("POST", "/mcp-servers", server)
    answer = api("POST", f"/mcp-servers/{registered['id']}/refresh")
    if answer["status"] != "ok":
        raise SystemExit(f"the example server cannot be reached: {answer}")


def product_figures(api: Api) -> dict[str, list[float]]:
    body = {"message": "I am mira@example.com"}
    figures = {}
    for name, graph in {
        "order status": order_status(),
        "10 trivial": trivial(10),
        "100 trivial": trivial(100),
    }.items():
        hook = published(api, name, graph)["hook"]

        def post(hook: str = hook) -> None:
            answer = api.http.post(hook, json=body)
            if answer.status_code != 200:
                raise SystemExit(f"{answer.status_code}: {answer.text}")

        figures[name] = measured(post)
    return figures


def show(title: str, figures: dict[str, list[float]], floor: dict[str, list[float]]) -> None:
    print(f"\n{title}")
    print(
        f"{'work':14} {'p50 ms':>9} {'p95 ms':>9} {'floor p50':>10} {'ratio':>7} {'added ms':>9} {'per step':>9}"
    )
    steps = {"order status": 5, "10 trivial": 12, "100 trivial": 102}
    for name, times in figures.items():
        p50, base = statistics.median(times), statistics.median(floor[name])
        p95 = sorted(times)[int(len(times) * 0.95) - 1]
        added = p50 - base
        print(
            f"{name:14} {p50:9.2f} {p95:9.2f} {base:10.2f} {p50 / base:7.2f} {added:9.2f} {added / steps[name]:9.3f}"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crm, model = Example("crm_server", folder), Example("demo_model", folder)
        (folder / "embedded").mkdir()
        (folder / "cluster").mkdir()
        embedded = Embedded(folder / "embedded", demo=False, env={"PATCHBAY_PASSWORD": "a long password"})
        cluster = Cluster(folder / "cluster", number=2)
        try:
            embedded.start()
            manage("create_workspace", "demo", env=embedded.env)
            manage(
                "add_member", "admin@demo.example", "--workspace", "demo", "--role", "admin", env=embedded.env
            )
            cluster.start(workers=1)
            floor = asyncio.run(Floor(cluster.env["DATABASE_URL"], model.url, crm.url).figures(RUNS, WARM_UP))
            print(
                f"Medians of {RUNS} runs, one client, one worker. The floor commits one PostgreSQL row per step."
            )
            for title, api in (
                ("SQLite, one process", embedded.api()),
                ("PostgreSQL + Redis", cluster.api()),
            ):
                connect(api, crm, model)
                show(title, product_figures(api), floor)
        finally:
            embedded.stop()
            cluster.stop()
            crm.process.kill()
            model.process.kill()


if __name__ == "__main__":
    main()
