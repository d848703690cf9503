#!/bin/sh
# Uses the system's Node if it is new enough for the build (20.19), else brings one into the virtual environment.
set -eu
venv=$1
new_enough() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }
if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 && new_enough; then
  exit 0
fi
echo "Installing Node…"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
