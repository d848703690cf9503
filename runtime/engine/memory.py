"""A cap on the memory of a process, watched from a thread of its own: a step that eats memory does not let go of the loop."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

STATM = Path("/proc/self/statm")
MIB = 1024 * 1024
LOOK_EVERY_S = 0.25
AT_ONCE_OVER = 1.5
"""So many times the cap: what grows on while the process is asked to end would take the machine along."""
OUT_OF_MEMORY_EXIT = 71


def keep_under(cap_mib: int, on_over: Callable[[], None], ended: threading.Event) -> None:
    """Ask the process to end once it is over the cap, and end it if it grows on; returns when it has `ended`.

    The death of a process is charged to the runs that had a call in flight, so that one that eats memory each time is set apart.
    """
    is_asked = False
    while not ended.wait(LOOK_EVERY_S):
        resident = resident_mib()
        if resident > cap_mib * AT_ONCE_OVER:
            logger.critical(
                "far over the memory cap, the worker ends at once",
                extra={"action": "memory", "resident_mib": resident, "cap_mib": cap_mib},
            )
            os._exit(OUT_OF_MEMORY_EXIT)
        if resident > cap_mib and not is_asked:
            logger.error(
                "over the memory cap, the worker ends",
                extra={"action": "memory", "resident_mib": resident, "cap_mib": cap_mib},
            )
            is_asked = True
            on_over()


def resident_mib() -> int:
    """Of this process; 0 on systems that do not say it cheaply."""
    try:
        pages = int(STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB
