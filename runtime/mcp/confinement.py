"""What a started command can see of the worker: nothing of Patchbay's own files, memory or descriptors.

Landlock keeps hidden places and every process outside away from the child, also where it runs as root. It only
knows what is allowed, so that hiding a place means to allow everything beside the way to it. Systems without it keep
what `protect_process_memory` and the dropped capabilities give.

https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import struct
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_READ_DIR = 1 << 3
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_SCOPE_SIGNAL = 1 << 1
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
CAPABILITIES_AT_MOST = 64
DEVICES = (
    "fd",
    "full",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
    "tty",
    "urandom",
    "zero",
)
"""Of /dev. Disks are not among it: whoever reads one reads every file."""
DEV = Path("/dev")

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def protect_process_memory() -> None:
    """Keep other processes of the same user from reading this one's memory and environment (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def can_hide_files() -> bool:
    """Whether this system can keep places from a child."""
    return _version() > 0


class Confinement:
    """Made before the fork, entered after it; a context manager that holds the rules' descriptor.

    hidden   files and folders that the child must not read or write; names in them it can list
    allowed  what it may use all the same, though it lies in a hidden place
    """

    def __init__(self, hidden: Collection[str] = (), allowed: Collection[str] = ()) -> None:
        self._hidden = {Path(place).resolve() for place in hidden}
        self._allowed = [Path(place).resolve() for place in allowed]
        self._parent = os.getpid()
        self._rules = -1

    def __enter__(self) -> Confinement:
        if (version := _version()) > 0:
            self._rules = _rules(version, [*_beside(self._hidden), *self._allowed])
        return self

    def __exit__(self, *_: object) -> None:
        if self._rules >= 0:
            os.close(self._rules)

    def enter(self) -> None:
        """In the child, before it runs: give up every privilege, and end when the worker ends, however that happens."""
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != self._parent:
            os._exit(1)
        # As root the command would get all of these back with its first instruction.
        for capability in range(CAPABILITIES_AT_MOST):
            _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if self._rules >= 0 and _libc.syscall(_RESTRICT_SELF, self._rules, 0) != 0:
            os._exit(1)


def _version() -> int:
    return -1 if _libc is None else int(_libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))


def _rules(version: int, allowed: Iterable[Path]) -> int:
    """The descriptor of a ruleset; raises OSError."""
    assert _libc is not None
    rights = (1 << 13) - 1
    rights |= _REFER if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    about = struct.pack("QQQ", rights, 0, _SCOPE_SIGNAL) if version >= 6 else struct.pack("Q", rights)
    rules = int(_libc.syscall(_CREATE_RULESET, about, len(about), 0))
    if rules < 0:
        raise OSError(ctypes.get_errno(), "the rules for a command cannot be made")
    # Programs look through the folders above them; names in a folder are no secret.
    _allow(rules, Path("/"), _READ_DIR)
    for place in allowed:
        _allow(rules, place, rights)
    return rules


def _allow(rules: int, place: Path, rights: int) -> None:
    assert _libc is not None
    with contextlib.suppress(OSError):
        handle = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISDIR(mode):
                rights &= _OF_FILES | _TRUNCATE
            # A link leads to something that has a rule of its own.
            if not stat.S_ISLNK(mode):
                _libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
        finally:
            os.close(handle)


def _beside(hidden: Collection[Path], folder: Path = Path("/")) -> Iterator[Path]:
    """All that is in a folder, but for the hidden places; folders on the way to one are gone through."""
    if folder == DEV:
        yield from (folder / name for name in DEVICES)
        return
    with contextlib.suppress(OSError), os.scandir(folder) as rows:
        for row in rows:
            place = Path(row.path)
            if place in hidden:
                continue
            if place == DEV or any(place in secret.parents for secret in hidden):
                yield from _beside(hidden, place)
            else:
                yield place
