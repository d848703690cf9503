"""A Redis server of the test's own, to be emptied, frozen and killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import redis

from tests.support.product import eventually, free_port

BINARY = shutil.which("redis-server")


class OwnRedis:
    """Nothing is kept on disk: a restart has lost everything, as the product must bear."""

    def __init__(self, folder: Path) -> None:
        if BINARY is None:
            pytest.skip("There is no redis-server on the path for a Redis of the test's own.")
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [str(BINARY), "--port", str(self.port), "--bind", "127.0.0.1"]
        arguments += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, start_new_session=True)
        eventually(self._answers, what="Redis")

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def drop_clients(self) -> int:
        """Cut every connection but this one."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))

    def listeners(self, database: int) -> set[str]:
        """The ids of the connections to a database that listen to channels, those that lead nowhere any more included."""
        with redis.Redis.from_url(self.url) as client:
            found = client.client_list(_type="pubsub")
        return {row["id"] for row in found if row["db"] == str(database)}

    def keys_with(self, word: str) -> list[str]:
        """Keys and list entries that contain a word."""
        found = []
        for number in (0, 1):
            with redis.Redis.from_url(f"{self.url}/{number}", decode_responses=True) as client:
                for key in client.scan_iter():
                    entries = client.lrange(key, 0, -1) if client.type(key) == "list" else []
                    found += [key] if word in key or any(word in entry for entry in entries) else []
        return found

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
