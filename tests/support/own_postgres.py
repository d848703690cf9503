"""A PostgreSQL cluster of the test's own, to be broken off in the middle of everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests.support.fake_clock import FakeClock
from tests.support.product import eventually, free_port
from tests.support.small_disk import SmallDisk

USER = "postgres" if os.geteuid() == 0 else None
"""The server refuses to be run by root."""


def programs() -> Path | None:
    """The folder of PostgreSQL's own programs, where this machine has them."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return newest[-1].parent if newest else None


def required_programs() -> Path:
    """The same; skips where there are none: a server that answers on a port may be all that a machine has."""
    folder = programs()
    if folder is None:
        pytest.skip("There is no pg_ctl on this machine for a PostgreSQL of the test's own.")
    return folder


class OwnPostgres:
    """With fsync, as a real one: what it has acknowledged must outlive it."""

    def __init__(
        self, *, disk: SmallDisk | None = None, clock: FakeClock | None = None, settings: str = ""
    ) -> None:
        """disk, clock   what it keeps everything on and lives by, if not the machine's own"""
        self._programs = required_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="patchbay-pg-", dir=disk.folder if disk else None))
        # Not on a disk that may be full.
        self._logs = Path(tempfile.mkdtemp(prefix="patchbay-pg-logs-"))
        self._settings = settings
        self._env = clock.env if clock else {}
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        if USER:
            shutil.chown(self._folder, USER)
            shutil.chown(self._logs, USER)
        self._do("initdb", "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust", "-N")

    def start(self) -> None:
        options = f"-p {self.port} -c max_connections=300 -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        options += self._settings
        self._control("start", "-o", options)
        eventually(self._answers, what="PostgreSQL")

    def restart_at_once(self) -> None:
        """As if it had crashed: nobody is told, and the log is replayed."""
        self._control("stop", "-m", "immediate")
        self.start()

    def supervise(self) -> None:
        """Start it if it has given up, as its supervisor would."""
        if not self._answers():
            with contextlib.suppress(subprocess.CalledProcessError):
                self._control("stop", "-m", "immediate")
            self.start()

    def take_writes(self, takes: bool) -> None:
        """Refuse every change, also on connections that are open, or take them again."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'off' if takes else 'on'}")
            connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: self._takes_writes() is takes, what="the setting being in force")

    def copied(self, name: str) -> str:
        """The address of a database that is restored from a dump made now, while others write."""
        dump = str(self._folder / f"{name}.dump")
        server = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres")
        self._do("pg_dump", *server, "--format=custom", "--file", dump, "postgres")
        self._do("createdb", *server, name)
        self._do("pg_restore", *server, "--no-owner", "--exit-on-error", "--dbname", name, dump)
        return self.url.removesuffix("/postgres") + f"/{name}"

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._control("stop", "-m", "immediate")
        shutil.rmtree(self._folder)
        shutil.rmtree(self._logs)

    def _control(self, verb: str, *more: str) -> None:
        log = str(self._logs / "log")
        self._do("pg_ctl", verb, "-D", str(self._folder / "data"), "-w", "-l", log, *more)

    def _do(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        with (self._logs / "commands").open("ab") as output:
            subprocess.run(
                command,
                check=True,
                cwd="/",
                user=USER,
                env={**os.environ, **self._env},
                stdout=output,
                stderr=output,
                timeout=60,
            )

    def _takes_writes(self) -> bool:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute("SHOW default_transaction_read_only").fetchone()
        return row == ("off",)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True
