"""A disk so small that a test can fill it: memory that is mounted, where the system lets the test."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

CHUNK = b"\0" * (1 << 20)


class SmallDisk:
    """`folder` is its root; skips where nobody may mount."""

    def __init__(self, mebibytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="patchbay-disk-"))
        options = f"size={mebibytes}m,mode=0755"
        command = ["mount", "-t", "tmpfs", "-o", options, "patchbay-test", str(self.folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=10)
        except (OSError, subprocess.SubprocessError) as error:
            self.folder.rmdir()
            pytest.skip(f"A small disk cannot be mounted here: {error}.")
        self._ballast = self.folder / "ballast"

    def fill(self) -> None:
        """To the last byte; again, whatever was freed meanwhile."""
        with self._ballast.open("ab", buffering=0) as ballast:
            size = len(CHUNK)
            while size:
                try:
                    ballast.write(CHUNK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self) -> None:
        self._ballast.unlink()

    def remove(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True, timeout=10)
        os.rmdir(self.folder)
