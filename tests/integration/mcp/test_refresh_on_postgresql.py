"""Hosts in several processes find the same token over at one moment: on PostgreSQL, one of them asks for a new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.mcp.test_oauth import CALLBACK, connected
from tests.support.oauth_site import OAuthSite
from tests.support.product import ROOT, manage
from tests.support.services import drop_database, fresh_database, require_services

pytestmark = pytest.mark.timeout(400)

PROCESSES, HOSTS_EACH = 2, 4


def a_process(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.refresh_together", *arguments],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_eight_hosts_refresh_an_expired_token_once(tmp_path: Path) -> None:
    require_services()
    name = f"patchbay_test_refresh_{os.getpid()}"
    env = {
        **os.environ,
        "DATABASE_URL": fresh_database(name),
        "PATCHBAY_DATA_DIR": str(tmp_path),
        "PATCHBAY_OUTBOUND_ALLOW": "127.0.0.1",
    }
    try:
        with OAuthSite() as site:
            manage("migrate", "--verbosity", "0", env=env)
            state = dict((await connected(site)).account.state)
            given = {"url": site.url, "redirect_uri": CALLBACK, "state": state}
            with a_process(env, "--prepare", "notes") as preparing:
                preparing.communicate(json.dumps(given) + "\n", timeout=120)
                assert preparing.returncode == 0
            site.expire()
            said = call_at_once(env)
            assert said == ["done: read"] * (PROCESSES * HOSTS_EACH)
            assert (site.refreshes, site.reuses) == (1, 0)
    finally:
        drop_database(name)


def call_at_once(env: dict[str, str]) -> list[str]:
    """What every host got, once all of their processes were ready."""
    processes = [a_process(env, "notes", str(HOSTS_EACH)) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=180)[0] for process in processes]
    return [text for answers in told for text in json.loads(answers)]
