"""What was there when a process was up is not looked at again; what is made later is collected as ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from runtime.garbage import LOOK_EVERY, leave_what_is_here, start_without_looking


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


class Knot:
    """In a cycle with itself."""

    def __init__(self) -> None:
        self.self = self


def test_garbage_is_found_again_once_the_process_is_up() -> None:
    start_without_looking()
    assert not gc.isenabled()
    leave_what_is_here()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0

    gone = weakref.ref(Knot())
    kept = [[] for _ in range(LOOK_EVERY * 3)]
    assert gone() is None
    assert len(kept) == LOOK_EVERY * 3
