"""A started command looks for secrets in its environment, in processes, files and descriptors: it finds none."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.mcp.confinement import can_hide_files
from tests.support.pliable_mcp import a_tool, pliable_mcp
from tests.support.processes import ROOT
from tests.support.product import Embedded, a_document, a_node, published

pytestmark = pytest.mark.skipif(not can_hide_files(), reason="needs Linux with Landlock")

IN_FILE, IN_ENVIRONMENT, PASSWORD = (
    "canary-of-a-file-71",
    "canary-of-the-environment-72",
    "canary-of-a-database-73",
)
TOKEN, OF_ANOTHER, KEPT_APART = (
    "canary-of-a-token-74",
    "canary-of-another-command-75",
    "canary-of-its-data-76",
)
KEY = base64.b64encode(b"canary-of-an-encryption-key-7777"[:32]).decode()
OWN = "canary-of-its-own-78"
CANARIES = [
    IN_FILE,
    IN_ENVIRONMENT,
    PASSWORD,
    TOKEN,
    OF_ANOTHER,
    KEPT_APART,
    KEY,
    "canary-of-an-encryption-key",
]
TEMPLATES = """
[prying]
command = "{python}"
args = ["-m", "tests.support.prying_mcp"]
secrets = ["OWN_TOKEN"]
"""


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Embedded]:
    of_the_demo = (ROOT / "examples" / "stdio-templates.toml").read_text()
    (tmp_path / "templates.toml").write_text(TEMPLATES + of_the_demo)
    (tmp_path / "secret-key").write_text(f"{IN_FILE}-{'x' * 40}")
    product = Embedded(
        tmp_path,
        env={
            "PATCHBAY_STDIO_TEMPLATES": str(tmp_path / "templates.toml"),
            "SECRET_KEY_FILE": str(tmp_path / "secret-key"),
            "PATCHBAY_ENCRYPTION_KEYS": f"first:{KEY}",
            "PGPASSWORD": PASSWORD,
            "SOME_SETTING": IN_ENVIRONMENT,
        },
    )
    product.start()
    try:
        yield product
    finally:
        product.stop()


def questions(places: list[Path], pids: list[int], needles: list[str]) -> dict[str, Any]:
    return {
        "needles": [needle[::-1] for needle in needles],
        "places": [str(place) for place in places],
        "pids": pids,
    }


def looks(asked: dict[str, Any]) -> dict[str, Any]:
    """What the same code sees that no product has started."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.prying_mcp", "--look"],
        cwd=ROOT,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def a_prying_server(api: Any, slug: str, secret: str) -> dict[str, Any]:
    auth = {"kind": "bearer", "token": secret}
    body = {"slug": slug, "name": slug, "transport": "stdio", "template": "prying", "auth": auth}
    server: dict[str, Any] = api("POST", "/mcp-servers", body)
    assert api("POST", f"/mcp-servers/{server['id']}/refresh", {})["status"] == "ok"
    return server


def test_a_command_finds_no_secret_but_its_own(product: Embedded) -> None:
    api, data = product.api(), Path(product.env["PATCHBAY_DATA_DIR"])
    assert product.process is not None
    with pliable_mcp() as remote:
        remote.tools = [a_tool("read", reads=True)]
        body = {"slug": "remote", "name": "Remote", "transport": "http", "url": remote.url}
        made = api("POST", "/mcp-servers", {**body, "auth": {"kind": "bearer", "token": TOKEN}})
        assert api("POST", f"/mcp-servers/{made['id']}/refresh", {})["status"] == "ok"
        another, prying = a_prying_server(api, "another", OF_ANOTHER), a_prying_server(api, "prying", OWN)
        other_pid = api(
            "POST", f"/mcp-servers/{another['id']}/tools/pry/call", {"arguments": questions([], [], [])}
        )
        (data / "servers" / another["id"] / "kept").write_text(KEPT_APART)
        (data / "plain").write_text(KEPT_APART)
        own = data / "servers" / prying["id"]
        (own / "kept").write_text(OWN)

        pids = [product.process.pid, other_pid["structured"]["pid"]]
        places = [data, product.folder / "secret-key", own]
        asked = {**questions(places, pids, [*CANARIES, OWN]), "tries": True}
        graph = a_document(
            [
                a_node("start", "manual_trigger"),
                a_node("look", "mcp_tool", {"server": "prying", "tool": "pry", "arguments": asked}),
            ],
            "start>look",
        )
        workflow = published(api, "Prying", graph)
        run = api("POST", f"/workflows/{workflow['id']}/runs", {"input": {}})
        assert api.run_until(run["id"], "succeeded", "failed")["status"] == "succeeded"
        saw = api.steps(run["id"])["look"]["output"]["data"]

    in_own_dir = {f"{own}/kept: {OWN[::-1]}"}
    assert {row for row in saw["found"] if OWN[::-1] not in row} == set()
    assert in_own_dir <= set(saw["found"])
    assert f"environment: {OWN[::-1]}" in saw["found"]
    assert [row for row in saw["opened"] if not row.endswith(str(own))] == []
    assert f"writing into {own}" in saw["opened"]
    assert not (data / "planted").exists()
    # The very same looking finds them where nothing is in its way: the test can fail.
    free = looks(questions([data, product.folder / "secret-key"], [], CANARIES))["found"]
    assert any(IN_FILE[::-1] in row for row in free)
    assert any(KEPT_APART[::-1] in row for row in free)
