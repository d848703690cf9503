"""When Python's cycle collector looks for garbage: not while a process starts, and not at what was there when it was up.

Each look at everything that Django, the SDKs and the models' classes made takes up to 200 ms in which nothing else happens, and
finds nothing.
"""

from __future__ import annotations

import gc

LOOK_EVERY = 10_000
"""New containers between two looks at the newest; a short run makes some hundreds."""


def start_without_looking() -> None:
    """For the imports at the start of a process, until `leave_what_is_here`."""
    gc.disable()


def leave_what_is_here() -> None:
    """From here on look only at what is made from here on; may be called again when more has been loaded."""
    gc.freeze()
    gc.set_threshold(LOOK_EVERY)
    gc.enable()
