#!/bin/sh
# Brings a Node that the suite runs on (22) and the suite itself; prints the path of that Node.
set -eu
venv=$1
here=$(dirname "$0")
new_enough() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 22 ? 0 : 1)' 2>/dev/null; }
node=$(command -v node || true)
if [ -z "$node" ] || ! new_enough "$node"; then
  own="$venv/conformance-node"
  if [ ! -x "$own/bin/node" ]; then
    echo "Installing Node…" >&2
    "$venv/bin/python" -m venv "$own" >&2
    "$own/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt >&2
  fi
  node="$own/bin/node"
  PATH="$own/bin:$PATH"
fi
if [ ! "$here/node_modules/.stamp" -nt "$here/package-lock.json" ]; then
  echo "Installing the conformance suite…" >&2
  (cd "$here" && npm ci --no-audit --no-fund --silent >&2 && touch node_modules/.stamp)
fi
echo "$node"
