"""What the families of chaos tests share: one installation to break, and the tools that count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.figures import Figures
from tests.support.effects import EffectsServer
from tests.support.histories import unlike_their_events
from tests.support.installation import Installation
from tests.support.own_postgres import OwnPostgres, programs
from tests.support.product import Api
from tests.support.services import require_services


@pytest.fixture(scope="session")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EffectsServer]:
    server = EffectsServer(tmp_path_factory.mktemp("effects"))
    yield server
    server.process.kill()


@pytest.fixture(scope="session")
def database() -> Iterator[dict[str, str]]:
    """A PostgreSQL of its own where there can be one: so many processes would take the shared one's connections."""
    if programs() is None:
        require_services()
        yield {}
        return
    server = OwnPostgres()
    server.start()
    yield {"DATABASE_URL": server.url}
    server.remove()


@pytest.fixture
def postgres() -> Iterator[OwnPostgres]:
    """One that a single test breaks, whatever the shared one is used for."""
    server = OwnPostgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def broken(
    tmp_path_factory: pytest.TempPathFactory, effects: EffectsServer, database: dict[str, str]
) -> Iterator[Installation]:
    """Two workers, with the effects server registered; each family leaves it with living workers or none."""
    installation = Installation(tmp_path_factory.mktemp("broken"), env=database)
    try:
        installation.start(workers=2)
        effects.register(installation.api("admin"))
        yield installation
        installation.kill_workers()
        assert unlike_their_events(installation.env["DATABASE_URL"]) == []
    finally:
        installation.stop()


@pytest.fixture(scope="session")
def admin(broken: Installation) -> Api:
    return broken.api("admin")


@pytest.fixture
def installation(broken: Installation) -> Installation:
    """The shared installation with two living workers."""
    broken.keep_workers(2)
    broken.wait_for_hosts(2)
    return broken


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request)
