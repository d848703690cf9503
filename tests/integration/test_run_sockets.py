"""Who watches a run: told of it for as long as they may be, and after the database was away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from builder.accounts.guarded_socket import REFUSED
from tests.support.cluster import Cluster
from tests.support.product import Api, a_document, a_node, eventually, manage_all, published
from tests.support.services import end_others
from tests.support.watcher import Browser, Watcher

CLOSED_WITHIN_S = 5.0
PASSWORD = "a long password"
WAITING = a_document(
    [a_node("start", "manual_trigger"), a_node("wait", "wait", {"for_s": 600})], "start>wait"
)


@pytest.fixture(scope="module")
def admin(cluster: Cluster) -> Api:
    return cluster.api()


@pytest.fixture
def run_id(admin: Api) -> Iterator[str]:
    """A run that waits."""
    workflow = published(admin, "Watched", WAITING)
    run = admin("POST", f"/workflows/{workflow['id']}/runs", {})
    admin.run_until(run["id"], "waiting")
    yield run["id"]
    admin("POST", f"/runs/{run['id']}/cancel", {})


def add_viewers(cluster: Cluster, names: list[str]) -> None:
    people = (
        ["add_member", f"{name}@shop.example", "--workspace", "shop", "--role", "viewer"] for name in names
    )
    manage_all(*people, env=cluster.env)


def disable(cluster: Cluster, email: str) -> None:
    with psycopg.connect(cluster.env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE accounts_user SET is_active = false WHERE email = %s", [email])


def remove(admin: Api, email: str) -> None:
    member = next(row for row in admin("GET", "/members")["items"] if row["email"] == email)
    admin("DELETE", f"/members/{member['id']}")


def change_password(browser: Browser) -> None:
    fields = {"password": browser.password, "new_password": "another long password"}
    browser.post("/settings/profile", page="/settings/profile", name="", **fields)


def make_news(admin: Api, run_id: str) -> None:
    """Two events."""
    for verb, status in (("pause", "paused"), ("resume", "waiting")):
        admin("POST", f"/runs/{run_id}/{verb}", {})
        admin.run_until(run_id, status)


def test_who_may_not_watch_any_more_is_sent_away_within_seconds_however_busy_the_run_is(
    cluster: Cluster, admin: Api, run_id: str
) -> None:
    names = ["signs-out", "is-disabled", "is-removed", "has-another-password", "stays"]
    add_viewers(cluster, names)
    with ExitStack() as stack:
        browsers = {
            name: stack.enter_context(Browser(cluster.base, f"{name}@shop.example", PASSWORD))
            for name in names
        }
        watchers: dict[str, Watcher] = {
            name: stack.enter_context(browser.watch(run_id)) for name, browser in browsers.items()
        }
        eventually(lambda: all(watcher.seen for watcher in watchers.values()), what="everybody being told")
        elsewhere = stack.enter_context(Browser(cluster.base, "has-another-password@shop.example", PASSWORD))

        browsers["signs-out"].post("/sign-out", page="/")
        disable(cluster, "is-disabled@shop.example")
        remove(admin, "is-removed@shop.example")
        change_password(elsewhere)
        since = time.monotonic()
        while time.monotonic() - since < CLOSED_WITHIN_S:
            make_news(admin, run_id)

        assert {name: watcher.code for name, watcher in watchers.items()} == {
            **dict.fromkeys(names, REFUSED),
            "stays": None,
        }
        assert max(watchers[name].closed_at for name in names[:-1]) - since <= CLOSED_WITHIN_S
        seen = watchers["stays"].seen
        assert seen == list(range(1, len(seen) + 1))


def test_a_run_of_another_workspace_is_like_one_that_does_not_exist(
    cluster: Cluster, admin: Api, run_id: str
) -> None:
    manage_all(
        ["create_workspace", "elsewhere"],
        ["add_member", "stranger@else.example", "--workspace", "elsewhere", "--role", "admin"],
        env=cluster.env,
    )
    missing = "00000000-0000-7000-8000-000000000000"
    with (
        Browser(cluster.base, "stranger@else.example", PASSWORD) as stranger,
        stranger.watch(run_id) as foreign,
        stranger.watch(missing) as nothing,
    ):
        eventually(lambda: foreign.code and nothing.code, what="both being refused")
        assert (foreign.code, nothing.code) == (REFUSED, REFUSED)
        assert foreign.run == {}


def test_who_watches_is_told_on_after_the_database_has_ended_every_connection(
    cluster: Cluster, admin: Api, run_id: str
) -> None:
    with (
        Browser(cluster.base, "viewer@shop.example", PASSWORD) as browser,
        browser.watch(run_id) as watcher,
        psycopg.connect(cluster.env["DATABASE_URL"], autocommit=True) as connection,
    ):
        eventually(lambda: watcher.seen, what="being told")
        # Some of them in the middle of what they do, others between two questions.
        for _ in range(3):
            end_others(connection)
            before = len(watcher.seen)
            make_news(admin, run_id)
            eventually(lambda seen=before: len(watcher.seen) >= seen + 2, what="being told on")
        assert watcher.code is None
        assert watcher.seen == list(range(1, len(watcher.seen) + 1))
