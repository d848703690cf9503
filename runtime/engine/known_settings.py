"""What a host remembers of the settings that calls go by, for as long as they are as they were.

Each entry was read under a revision of its workspace's settings (runtime/settings_revisions.py) or after it. An intent is
only written while the revision that its call goes by still stands (rows.py), so that what an admin forbids holds at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Found = TypeVar("Found")

WORKSPACES = 500
ENTRIES = 500


class KnownSettings:
    """Workspace -> the revision it is known by, and what was read; lives on the host's loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, dict[Any, Any]]] = OrderedDict()

    async def read(
        self,
        workspace_id: str,
        revision: int,
        key: Any,
        read: Callable[[], Awaitable[tuple[Found, bool]]],
    ) -> Found:
        """What is known by `key`, or what `read` gives: a value, and whether the revision is all that it hangs on."""
        known_by, entries = self._known.get(workspace_id, (revision, {}))
        if known_by == revision and key in entries:
            self._known.move_to_end(workspace_id)
            found: Found = entries[key]
            return found
        value, may_be_kept = await read()
        if may_be_kept:
            self._keep(workspace_id, revision, key, value)
        return value

    def _keep(self, workspace_id: str, revision: int, key: Any, value: Any) -> None:
        known_by, entries = self._known.get(workspace_id, (revision, {}))
        if known_by > revision:
            # Of a run that has not heard of the newer one yet.
            return
        if known_by < revision or len(entries) >= ENTRIES:
            entries = {}
        entries[key] = value
        self._known[workspace_id] = (revision, entries)
        self._known.move_to_end(workspace_id)
        if len(self._known) > WORKSPACES:
            self._known.popitem(last=False)
