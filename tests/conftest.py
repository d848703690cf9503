"""Fixtures that are costly and therefore shared: one embedded product and one cluster per test process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.commands import end_commands
from tests.support.histories import unlike_their_events
from tests.support.product import Api, Embedded, Example, close_clients
from tests.support.services import require_services

# The test process itself never opens the product's data directory.
os.environ.setdefault("PATCHBAY_DATA_DIR", "/tmp/patchbay-tests")
os.environ.setdefault("PATCHBAY_OUTBOUND_ALLOW", "127.0.0.1,localhost")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """The demo in one process with SQLite, as `make run` starts it."""
    embedded = Embedded(tmp_path_factory.mktemp("product"))
    embedded.start()
    yield embedded
    embedded.stop()
    assert unlike_their_events(Path(embedded.env["PATCHBAY_DATA_DIR"]) / "patchbay.sqlite3") == []


@pytest.fixture(scope="session")
def api(product: Embedded) -> Api:
    """The demo's API as its admin."""
    return product.api("admin")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """PostgreSQL, Redis, a web process and two workers."""
    require_services()
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start(workers=2)
    try:
        yield cluster
        assert unlike_their_events(cluster.env["DATABASE_URL"]) == []
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """The rule-based model, for a product without the demo."""
    server = Example("demo_model", tmp_path_factory.mktemp("model"))
    yield server
    server.process.kill()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, which their own output would not show when they pass."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


def pytest_sessionfinish() -> None:
    close_clients()
    end_commands()
