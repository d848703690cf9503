"""Running the suite's command and reading what it found."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ENTRY = HERE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
BAD = frozenset({"FAILURE", "WARNING"})
LIMIT_S = 600


@dataclass
class Outcome:
    """One scenario at one revision: how many checks held, and which did not (id -> why)."""

    scenario: str
    passed: int = 0
    bad: dict[str, str] = field(default_factory=dict)


def run_suite(node: str, arguments: list[str], results: Path, env: dict[str, str]) -> list[Outcome]:
    """Every scenario that ran something; the suite's own words go to a log beside the results."""
    results.mkdir(parents=True)
    with (results / "suite.log").open("w") as log:
        subprocess.run(
            [node, str(ENTRY), *arguments, "-o", str(results)],
            env=env,
            stdout=log,
            stderr=log,
            timeout=LIMIT_S,
            check=False,
        )
    found = [_outcome(path) for path in sorted(results.glob("**/checks.json"))]
    ran = [outcome for outcome in found if outcome.passed or outcome.bad]
    if not ran:
        raise RuntimeError(f"the suite ran nothing: {(results / 'suite.log').read_text()[-2000:]}")
    return ran


def _outcome(path: Path) -> Outcome:
    name = path.parent.relative_to(path.parents[1]).name
    scenario = re.sub(r"-\d{4}-\d{2}-\d{2}T[\d-]+Z?$", "", name)
    folder = path.parents[1].name
    outcome = Outcome(f"auth/{scenario}" if folder == "auth" else scenario.removeprefix("server-"))
    for check in json.loads(path.read_text()):
        if check["status"] in BAD:
            outcome.bad[check["id"]] = check.get("errorMessage") or check.get("description") or ""
        elif check["status"] == "SUCCESS":
            outcome.passed += 1
    return outcome
