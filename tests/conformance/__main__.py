"""The public conformance suite against /mcp and against the host's client; the last line counts.

Run by `make conformance`. What cannot pass stands in expected.toml with its reason.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.served import served_product
from tests.conformance.suite import HERE, Outcome, run_suite

REVISIONS = ("2025-11-25", "2026-07-28")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node", required=True, help="Node 22 or newer")
    node = parser.parse_args().node
    expected = tomllib.loads((HERE / "expected.toml").read_text())
    passed = failed = expectedly = 0
    with tempfile.TemporaryDirectory() as folder:
        for part, outcomes in _all_parts(node, Path(folder)).items():
            print(f"\n{part}")
            known = expected.get(part, {})
            for outcome in outcomes:
                unexpected = _unexpected(outcome, known)
                _tell(outcome, unexpected, known)
                failed += bool(unexpected)
                expectedly += bool(outcome.bad) and not unexpected
                passed += not outcome.bad
            for name in _stale(outcomes, known):
                print(f"  ✗ {name} is expected to fail and does not: delete it from expected.toml")
                failed += 1
    print(f"\nconformance: {passed} passed, {failed} failed, {expectedly} expected")
    return 1 if failed else 0


def _all_parts(node: str, folder: Path) -> dict[str, list[Outcome]]:
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    parts = {}
    with served_product(folder) as url:
        for revision in REVISIONS:
            arguments = ["server", "--url", url, "--requirements", revision]
            parts[f"server {revision}"] = run_suite(node, arguments, folder / f"server-{revision}", env)
    command = f"{sys.executable} -m tests.conformance.client"
    for revision in REVISIONS:
        arguments = ["client", "--command", command, "--requirements", revision, "--timeout", "120000"]
        parts[f"client {revision}"] = run_suite(node, arguments, folder / f"client-{revision}", env)
    return parts


def _unexpected(outcome: Outcome, known: Mapping[str, str]) -> dict[str, str]:
    if outcome.scenario in known:
        return {}
    return {check: why for check, why in outcome.bad.items() if f"{outcome.scenario}/{check}" not in known}


def _stale(outcomes: list[Outcome], known: Mapping[str, str]) -> list[str]:
    bad = {outcome.scenario for outcome in outcomes if outcome.bad}
    bad |= {f"{outcome.scenario}/{check}" for outcome in outcomes for check in outcome.bad}
    return sorted(known.keys() - bad)


def _tell(outcome: Outcome, unexpected: Mapping[str, str], known: Mapping[str, str]) -> None:
    mark = "✗" if unexpected else "~" if outcome.bad else "✓"
    print(f"  {mark} {outcome.scenario}: {outcome.passed} checks passed, {len(outcome.bad)} did not")
    for check, why in unexpected.items():
        print(f"      {check}: {' '.join(why.split())[:300]}")
    if mark == "~":
        reasons = {
            known.get(outcome.scenario) or known[f"{outcome.scenario}/{check}"] for check in outcome.bad
        }
        for reason in sorted(reasons):
            print(f"      {reason}")


if __name__ == "__main__":
    sys.exit(main())
