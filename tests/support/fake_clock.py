"""A clock that a test sets, for processes of its own: libfaketime stands before the system's.

Only the wall clock is wrong, as on a machine whose clock nobody keeps: monotonic time goes on as it was.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")


def library() -> Path | None:
    """libfaketime for programs with threads, where this machine has it (Debian: `apt install faketime`)."""
    found = (path for folder in LIBRARIES for path in Path(folder).glob("**/faketime/libfaketimeMT.so.1"))
    return next(found, None)


class FakeClock:
    """`env` is for the processes that live by it; skips where there is no libfaketime.

    Not for Python's own: there the library takes sleeping by the monotonic clock for sleeping until its own time.
    """

    def __init__(self) -> None:
        found = library()
        if found is None:
            pytest.skip("There is no libfaketime on this machine (Debian: apt install faketime).")
        # Everybody may read it: a database that is not run by root does.
        self._folder = tempfile.TemporaryDirectory(prefix="patchbay-clock-")
        Path(self._folder.name).chmod(0o755)
        self._file = Path(self._folder.name) / "ahead"
        self.set(timedelta(0))
        self.env = {
            "LD_PRELOAD": str(found),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # Read at each look, so that a jump is one for all processes at the same moment.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead: timedelta) -> None:
        """From now on so far ahead of the machine's clock, or behind if negative."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{ahead.total_seconds():+f}\n")
        draft.chmod(0o644)
        draft.rename(self._file)

    def close(self) -> None:
        self._folder.cleanup()
