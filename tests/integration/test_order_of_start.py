"""Web process and workers may be up before the tables are: they wait, and say what for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.product import ROOT, a_document, a_node, eventually, published
from tests.support.services import require_services

WAITS = "waiting for the database and its tables"


@pytest.fixture
def unmigrated(tmp_path: Path) -> Iterator[Cluster]:
    require_services()
    cluster = Cluster(tmp_path, number=2)
    yield cluster
    cluster.stop()


def is_ready(cluster: Cluster) -> bool:
    return httpx2.get(f"{cluster.base}/readyz", trust_env=False).status_code == 200


def test_a_worker_of_a_later_release_waits_for_its_migration(unmigrated: Cluster) -> None:
    unmigrated.migrate()
    latest = max(file.stem for file in (ROOT / "runtime" / "migrations").glob("[0-9]*.py"))
    with psycopg.connect(unmigrated.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("DELETE FROM django_migrations WHERE app = 'runtime' AND name = %s", [latest])
        unmigrated.start_processes(1, ready=False)
        log = unmigrated.folder / "worker-0.log"
        eventually(
            lambda: f"not migrated: runtime.{latest}" in log.read_text(), what="saying what is missing"
        )
        told = httpx2.get(f"{unmigrated.base}/readyz", trust_env=False).json()["reason"]
        assert "manage.py migrate" in told

        done = "INSERT INTO django_migrations (app, name, applied) VALUES ('runtime', %s, now())"
        database.execute(done, [latest])

    eventually(lambda: is_ready(unmigrated), what="being ready")


def test_what_is_started_before_the_migration_waits_for_it(unmigrated: Cluster) -> None:
    unmigrated.start_processes(1, ready=False)
    hook = f"{unmigrated.base}/hooks/some-address"
    told = httpx2.get(f"{unmigrated.base}/readyz", trust_env=False)
    turned_away = httpx2.post(hook, json={}, trust_env=False)

    assert (told.status_code, "manage.py migrate" in told.json()["reason"]) == (503, True)
    assert (turned_away.status_code, turned_away.json()["code"]) == (503, "database_unavailable")
    log = unmigrated.folder / "worker-0.log"
    eventually(lambda: WAITS in log.read_text(), what="the worker saying that it waits")

    unmigrated.migrate()

    eventually(lambda: is_ready(unmigrated), what="being ready")
    nodes = [
        a_node("start", "webhook_trigger", {"respond": "when_replied"}),
        a_node("end", "reply", {"data": 7}),
    ]
    workflow = published(unmigrated.api("admin"), "Begins late", a_document(nodes, "start>end"))
    assert httpx2.post(workflow["hook"], json={}, trust_env=False).json() == 7
    assert log.read_text().count(WAITS) == 1
    assert "Traceback" not in log.read_text()
    assert "Traceback" not in (unmigrated.folder / f"web-{unmigrated.port}.log").read_text()
