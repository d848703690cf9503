"""The doctor's steps for a command on this machine: is it there, and does it stay alive?"""

from __future__ import annotations

import asyncio
import os
import shutil

from runtime.gateways import McpServerSettings
from runtime.mcp.confinement import can_hide_files
from runtime.mcp.connection import Connection
from runtime.mcp.doctor.protocol import ProtocolChecks
from runtime.mcp.doctor.report import Check, Trouble

PATIENCE_S = 5.0
"""How long a command that is silent but alive holds up the step that asks whether it starts."""
CLOSED = "Patchbay's own files and processes are out of its reach."
OPEN = "This system has no Landlock: it can read whatever files the worker's user can."


class CommandChecks:
    def __init__(self, settings: McpServerSettings, connection: Connection, protocol: ProtocolChecks) -> None:
        self._settings = settings
        self._connection = connection
        self._protocol = protocol

    def all(self) -> list[Check]:
        return [
            Check("command", "Command found", self._find),
            Check("start", "Command starts", self._start),
        ]

    async def _find(self) -> str:
        command = (self._settings.command or ("",))[0]
        path = shutil.which(command)
        if path:
            return f"{path}."
        if shutil.which(command, mode=os.F_OK):
            raise Trouble(
                f"{command} may not be run by the worker.",
                "The instance admin makes the file executable for the worker's user.",
            )
        raise Trouble(
            f'There is no command "{command}" on the worker\'s machine.',
            "The instance admin installs it there, or corrects the command template.",
        )

    async def _start(self) -> str:
        opening = self._protocol.opening()
        await asyncio.wait({opening}, timeout=PATIENCE_S)
        # One that lives and answers nonsense runs too: the next step says what it answers.
        if not opening.done() or opening.exception() is None or not await self._connection.has_ended():
            return f"It runs. {CLOSED if can_hide_files() else OPEN}"
        said = self._connection.last_words
        cause = f"It ended at once. Its last words: {said}" if said else "It ended at once, without a word."
        raise Trouble(cause, "Mend what its last words name; most often a setting or a package is missing.")
