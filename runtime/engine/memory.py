"""How much memory the process has, where the system tells."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")
MIB = 1024 * 1024


def resident_mib() -> int:
    """Of this process; 0 on systems that do not say it cheaply."""
    try:
        pages = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB
