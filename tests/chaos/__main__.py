"""`make chaos`: every family at the wanted size, and as its last lines a table of figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """What pytest said, or 1 when a figure is missed."""
    size = os.environ.get("CHAOS_SIZE", "P")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "figures.jsonl"
        report.touch()
        env = {**os.environ, "CHAOS_SIZE": size, "CHAOS_REPORT": str(report)}
        arguments = [sys.executable, "-m", "pytest", "tests/chaos", "-p", "no:randomly", *sys.argv[1:]]
        code = subprocess.run(arguments, env=env, check=False).returncode
        figures = [json.loads(line) for line in report.read_text().splitlines()]
    Path(f"chaos-{size}.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    print(f"\nFigures at size {size}")
    print(f"{'id':4} {'figure':52} {'target':28} {'measured':44} ok")
    for figure in sorted(figures, key=lambda row: int(row["id"][1:])):
        holds = "yes" if figure["holds"] else "NO"
        print(f"{figure['id']:4} {figure['name']:52} {figure['target']:28} {figure['measured']:44} {holds}")
    return code or int(any(not figure["holds"] for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
