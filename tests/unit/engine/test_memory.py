"""The cap on a process's memory: asked to end over it, ended when it grows on."""

from __future__ import annotations

import threading

import pytest

from runtime.engine import memory


class Ended(Exception):
    pass


def watched(monkeypatch: pytest.MonkeyPatch, *resident: int) -> int:
    """How often the process was asked to end while it had so many MiB, one look after the other."""
    is_over, left, asked = threading.Event(), list(resident), []

    def told() -> int:
        if len(left) == 1:
            is_over.set()
        return left.pop(0)

    def exited(code: int) -> None:
        assert code == memory.OUT_OF_MEMORY_EXIT
        raise Ended

    monkeypatch.setattr(memory, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(memory, "resident_mib", told)
    monkeypatch.setattr(memory.os, "_exit", exited)
    memory.keep_under(100, lambda: asked.append(True), is_over)
    return len(asked)


def test_a_process_under_its_cap_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, 10, 99, 100) == 0


def test_a_process_over_its_cap_is_asked_to_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(monkeypatch, 10, 101, 140, 150) == 1


def test_a_process_that_grows_on_is_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Ended):
        watched(monkeypatch, 101, 151, 10)
