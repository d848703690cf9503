"""What a graph means, computed from scratch after each step and sharing nothing with the product's scheduler.

It knows the kinds of step that need nothing outside: what they do stands in `plan` of the random graph, next to the
document that makes the product do the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Edge = tuple[str, str, str]


@dataclass(frozen=True)
class Planned:
    """One node: what it does when it is executed.

    does      "leave" by `port`, "nap" (it waits for no time at all, and leaves when nothing else can start), "fail",
              "stop" with `port` success or failure, "each" or "repeat" over `count` rounds
    parallel  of "each": iterations at once; `keeps_on`: a failed one does not end it
    limit     of "repeat": the most rounds; `count` are needed
    """

    id: str
    does: str
    port: str = "out"
    parent: str | None = None
    first: bool = False
    count: int = 0
    parallel: int = 1
    keeps_on: bool = False
    limit: int = 0


@dataclass
class Entered:
    """A container that was entered: open iterations, and for each ended one whether it succeeded."""

    plan: Planned
    open: list[int] = field(default_factory=list)
    ended: dict[int, bool] = field(default_factory=dict)


@dataclass
class Meaning:
    plan: list[Planned]
    edges: list[Edge]
    trigger: str
    statuses: dict[str, str] = field(default_factory=dict)
    ports: dict[str, set[str]] = field(default_factory=dict)
    entered: dict[str, Entered] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    napping: list[str] = field(default_factory=list)
    end: str = ""

    def __post_init__(self) -> None:
        self.by_id = {node.id: node for node in self.plan}

    def run(self) -> dict[str, str]:
        """Path -> status of every step; `end` says how the run ended."""
        self._set(self.trigger, "succeeded", {"out"})
        for node in self.plan:
            is_free = node.parent is None and not any(target == node.id for _, _, target in self.edges)
            if is_free and node.id != self.trigger:
                self._set(node.id, "skipped", set())
        while not self.end:
            self._skip_dead()
            if self._finish_iterations():
                continue
            ready = sorted(self._ready(), key=self._place)
            if ready:
                self._execute(ready[0])
            elif self.napping:
                napping, self.napping = self.napping, []
                for path in napping:
                    self._set(path, "succeeded", {"out"})
            else:
                self.end = "succeeded"
        for path in [*self.entered, *self.napping]:
            self.statuses.setdefault(path, "cancelled")
        return self.statuses

    # --- levels ---------------------------------------------------------------------------------------

    def _levels(self) -> list[tuple[str, str | None]]:
        """Prefix and container of the outside and of every open iteration."""
        found: list[tuple[str, str | None]] = [("", None)]
        for path, container in self.entered.items():
            if path not in self.statuses:
                found += [(f"{path}[{index}]/", container.plan.id) for index in container.open]
        return found

    def _waiting(self, prefix: str, parent: str | None) -> list[Planned]:
        taken = {*self.statuses, *self.entered, *self.napping}
        return [node for node in self.plan if node.parent == parent and prefix + node.id not in taken]

    def _state(self, prefix: str, node: Planned) -> str:
        """ "ready", "dead" or "" for later."""
        lines = [edge for edge in self.edges if edge[2] == node.id]
        settled = [prefix + source in self.ports for source, _, _ in lines]
        live = [port in self.ports.get(prefix + source, ()) for source, port, _ in lines]
        if not lines or (any(live) and (all(settled) or node.first)):
            return "ready"
        return "dead" if all(settled) and not any(live) else ""

    def _skip_dead(self) -> None:
        again = True
        while again:
            again = False
            for prefix, parent in self._levels():
                for node in self._waiting(prefix, parent):
                    if prefix not in self.broken and self._state(prefix, node) == "dead":
                        self._set(prefix + node.id, "skipped", set())
                        again = True

    def _ready(self) -> list[str]:
        return [
            prefix + node.id
            for prefix, parent in self._levels()
            if prefix not in self.broken
            for node in self._waiting(prefix, parent)
            if self._state(prefix, node) == "ready"
        ]

    def _place(self, path: str) -> list[tuple[int, int]]:
        order = {node.id: number for number, node in enumerate(self.plan)}
        parts = [part.rstrip("]").partition("[") for part in path.split("/")]
        return [(order[name], int(index) if index else -1) for name, _, index in parts]

    # --- steps ----------------------------------------------------------------------------------------

    def _set(self, path: str, status: str, ports: set[str]) -> None:
        self.statuses[path], self.ports[path] = status, ports

    def _execute(self, path: str) -> None:
        node = self.by_id[path.rpartition("/")[2]]
        if node.does == "leave":
            self._set(path, "succeeded", {node.port})
        elif node.does == "stop":
            self.statuses[path] = "succeeded"
            self.end = "succeeded" if node.port == "success" else "failed"
        elif node.does == "fail":
            self._fail(path)
        elif node.does == "nap":
            self.napping.append(path)
        else:
            self.entered[path] = Entered(node)
            self._go_on(path)

    def _fail(self, path: str) -> None:
        prefix, _, name = path.rpartition("/")
        if any(source == name and port == "error" for source, port, _ in self.edges):
            self._set(path, "failed", {"error"})
            return
        self.statuses[path] = "failed"
        if prefix:
            self.broken.add(prefix + "/")
        else:
            self.end = "failed"

    # --- containers -----------------------------------------------------------------------------------

    def _finish_iterations(self) -> bool:
        """Close what has nothing left to do; the innermost first. Whether anything was closed."""
        for path in sorted(self.entered, key=len, reverse=True):
            if path in self.statuses:
                continue
            container = self.entered[path]
            for index in list(container.open):
                if self._is_over(f"{path}[{index}]/", container.plan.id):
                    container.open.remove(index)
                    container.ended[index] = f"{path}[{index}]/" not in self.broken
                    self._go_on(path)
                    return True
        return False

    def _is_over(self, prefix: str, parent: str) -> bool:
        if prefix in self.broken:
            for path in [*self.entered, *self.napping]:
                if path.startswith(prefix):
                    self.statuses.setdefault(path, "cancelled")
            self.napping = [path for path in self.napping if not path.startswith(prefix)]
            return True
        begun = [*self.entered, *self.napping]
        inside = [path for path in begun if path.startswith(prefix) and path not in self.statuses]
        return not inside and not self._waiting(prefix, parent)

    def _go_on(self, path: str) -> None:
        container = self.entered[path]
        node, rounds = container.plan, len(container.ended)
        if not all(container.ended.values()) and not node.keeps_on:
            for index in container.open:
                self._is_over_now(f"{path}[{index}]/")
            container.open.clear()
            self._fail(path)
        elif node.does == "repeat":
            if rounds == node.count or rounds == node.limit:
                self._set(path, "succeeded", {"out" if rounds == node.count else "limit_reached"})
            else:
                container.open.append(rounds)
        else:
            while len(container.open) < node.parallel and rounds + len(container.open) < node.count:
                container.open.append(rounds + len(container.open))
            if not container.open:
                self._set(path, "succeeded", {"out"})

    def _is_over_now(self, prefix: str) -> None:
        self.broken.add(prefix)
        self._is_over(prefix, "")
