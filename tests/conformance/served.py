"""A fresh product for the suite: one workspace, its admin, the workflows that are called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.workflows import write_workflows
from tests.support.product import Embedded, Process, manage, manage_all, wait_ready

ADMIN = ["admin@suite.example", "--workspace", "suite", "--role", "admin"]


@contextmanager
def served_product(folder: Path) -> Iterator[str]:
    """The address of its /mcp, which needs no token here."""
    product = Embedded(folder, demo=False)
    imports = [
        ["import_workflow", str(path), "--workspace", "suite", "--publish"]
        for path in write_workflows(folder)
    ]
    manage_all(
        ["migrate", "--verbosity", "0"],
        ["create_workspace", "suite"],
        ["add_member", *ADMIN],
        *imports,
        env=product.env,
    )
    env = {**product.env, "MCP_TOKEN": manage("create_token", "--user", *ADMIN, env=product.env)}
    command = [sys.executable, "-m", "tests.conformance.product"]
    process = Process(command, env=env, log=folder / "product.log")
    try:
        wait_ready(product.base, process)
        yield f"{product.base}/mcp"
    finally:
        process.stop()
