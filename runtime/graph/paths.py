"""Where a step stands in a run: its node's id, behind the iterations of the containers around it.

`lookup` is a step outside of any container, `orders[3]/lookup` one in the fourth iteration of `orders`. What stands
before the node's id, up to and with the slash, is the prefix of its level; the level outside has the prefix "".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PATH = re.compile(r"([^/\[\]]+\[[0-9]{1,9}\]/)*[^/\[\]]+")


def is_path(text: str) -> bool:
    """Whether it has the form of a step's path; whoever gets one from outside asks this first."""
    return _PATH.fullmatch(text) is not None


def node_of(path: str) -> str:
    """The node's id."""
    return path.rpartition("/")[2]


def prefix_of(path: str) -> str:
    """The level that a step stands in."""
    return path[: path.rfind("/") + 1]


def iteration_prefix(container: str, index: int) -> str:
    """The level that one iteration of a container is."""
    return f"{container}[{index}]/"


def split_prefix(prefix: str) -> tuple[str, int]:
    """The container's path and the iteration's index; the level outside has neither and is an error."""
    container, _, index = prefix.removesuffix("]/").rpartition("[")
    return container, int(index)


def containers_around(path: str) -> Iterator[tuple[str, int]]:
    """Path and index of every container around a step, the nearest first."""
    while prefix := prefix_of(path):
        path, index = split_prefix(prefix)
        yield path, index


def shape_of(path: str) -> tuple[str, ...]:
    """The ids on the way to a step, without the iterations."""
    return tuple(part.partition("[")[0] for part in path.split("/"))
