"""Servers that nobody here wrote, as commands: what works is called, and what dies says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runtime.errors import McpError
from runtime.gateways import McpServerSettings
from runtime.mcp.addresses import expanded
from runtime.mcp.doctor.examination import examine
from runtime.mcp.pool import McpPool
from runtime.mcp.reading import Completable
from runtime.outbound.policy import OutboundPolicy
from tests.support.product import ROOT

NOWHERE = OutboundPolicy()
THEIRS = ROOT / "frontend/node_modules/@modelcontextprotocol"
FILESYSTEM = THEIRS / "server-filesystem/dist/index.js"
EVERYTHING = THEIRS / "server-everything/dist/index.js"


@pytest.fixture
async def pool() -> AsyncIterator[McpPool]:
    pool = McpPool(NOWHERE)
    yield pool
    await pool.close()


def command(*argv: str) -> McpServerSettings:
    return McpServerSettings("1", "w", "theirs", "stdio", command=argv)


async def test_files_of_a_folder_are_read_and_nothing_outside_of_it(pool: McpPool, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    inside = tmp_path / "docs"
    inside.mkdir()
    (inside / "hello.txt").write_text("good morning")
    (tmp_path / "secret.txt").write_text("not yours")
    settings = command(node, str(FILESYSTEM), str(inside))

    tools = {tool.name: tool for tool in (await pool.list_all(settings, timeout_s=20)).tools}
    read = await pool.call_tool(settings, "read_text_file", {"path": str(inside / "hello.txt")}, timeout_s=10)

    assert tools["read_text_file"].annotations["readOnlyHint"] is True
    assert read.text == "good morning"
    with pytest.raises(Exception, match="outside") as caught:
        await pool.call_tool(settings, "read_text_file", {"path": str(tmp_path / "secret.txt")}, timeout_s=10)
    assert caught.value.code == "mcp_tool_error"


async def test_the_log_of_a_git_repository_is_read(pool: McpPool, tmp_path: Path) -> None:
    author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for arguments in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)  # noqa: ASYNC221  two short commands
    settings = command(sys.executable, "-m", "mcp_server_git", "--repository", str(tmp_path))

    log = await pool.call_tool(settings, "git_log", {"repo_path": str(tmp_path)}, timeout_s=30)

    assert "Begin" in log.text


async def test_resources_prompts_and_suggestions_of_the_reference_server(pool: McpPool) -> None:
    node = shutil.which("node")
    assert node is not None
    settings = command(node, str(EVERYTHING))
    listing = await pool.list_all(settings, timeout_s=20)
    document = "demo://resource/static/document/features.md"
    template = "demo://resource/dynamic/text/{resourceId}"
    uris = {row.uri: row.is_template for row in listing.resources}
    assert (uris[document], uris[template]) == (False, True)

    fixed = await pool.read_resource(settings, document, timeout_s=10)
    filled = await pool.read_resource(settings, expanded(template, {"resourceId": "3"}), timeout_s=10)
    blob = await pool.read_resource(settings, "demo://resource/dynamic/blob/3", timeout_s=10)
    prompt = await pool.get_prompt(settings, "args-prompt", {"city": "Kyiv"}, timeout_s=10)

    assert "# " in fixed.text
    assert filled.text.startswith("Resource 3:")
    assert (blob.text, "blob" in blob.content[0]) == ("", True)
    assert prompt.text == "What's weather in Kyiv?"
    assert [message["role"] for message in prompt.messages] == ["user"]
    for ask in (
        pool.read_resource(settings, "demo://nowhere", timeout_s=10),
        pool.get_prompt(settings, "args-prompt", {}, timeout_s=10),
    ):
        with pytest.raises(McpError) as caught:
            await ask
        assert caught.value.code == "mcp_invalid_arguments"

    team = Completable("prompt", "completable-prompt")
    begun = await pool.complete(settings, team, "department", "S", given={}, timeout_s=5)
    member = await pool.complete(settings, team, "name", "", given={"department": "Sales"}, timeout_s=5)
    part = await pool.complete(
        settings, Completable("resource", template), "resourceId", "4", given={}, timeout_s=5
    )

    assert begun.values == ["Sales", "Support"]
    assert member.values == ["David", "Eve", "Frank"]
    assert part.values == ["4"]


async def test_a_server_that_suggests_nothing_is_not_even_asked(pool: McpPool, tmp_path: Path) -> None:
    settings = command(sys.executable, "-m", "mcp_server_git", "--repository", str(tmp_path))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: ASYNC221  one short command

    found = await pool.complete(
        settings, Completable("prompt", "any"), "argument", "a", given={}, timeout_s=20
    )

    assert found.values == []


async def test_a_server_that_cannot_start_with_this_protocol_library_is_named_by_the_doctor(
    tmp_path: Path,
) -> None:
    script = Path(sys.executable).with_name("mcp-server-sqlite")
    settings = command(str(script), "--db-path", str(tmp_path / "a.sqlite3"))

    report = await examine(settings, NOWHERE)

    failed = next(finding for finding in report.steps if finding.status == "failed")
    assert failed.step == "start"
    assert "Error" in failed.text
