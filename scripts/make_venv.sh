#!/bin/sh
# Makes the virtual environment with Python 3.11 or newer.
set -eu
for python in python3.11 python3.12 python3.13 python3; do
  if command -v "$python" >/dev/null 2>&1 && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Making $1 with $("$python" --version)…"
    exec "$python" -m venv "$1"
  fi
done
echo "Patchbay needs Python 3.11 or newer, and none was found." >&2
exit 1
