"""Command templates for stdio servers: fixed by the instance admin in a TOML file, chosen by slug, never typed.

```toml
[files]
title = "Files of a folder"          # {python}, {base_dir} and {server_dir} stand for places of this installation
command = "/usr/local/bin/mcp-server-filesystem"
args = ["{folder}"]
secrets = ["API_KEY"]            # names of environment variables that a secret fills

[files.parameters.folder]
title = "Folder"
choices = ["/srv/docs", "/srv/reports"]   # or: pattern = "^[a-z0-9-]{1,40}$"
```
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import re2
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from builder.http.errors import Invalid


@dataclass(frozen=True)
class Parameter:
    """One value that an admin may choose; nothing else of the command can be influenced."""

    name: str
    title: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    default: str = ""

    def problem(self, value: object) -> str:
        """Why a value is refused, or an empty text."""
        if not isinstance(value, str) or "\x00" in value or "\n" in value:
            return "must be one line of text"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        if self.pattern and not re2.fullmatch(self.pattern, value):
            return "does not fit the pattern that the installation allows"
        return ""


@dataclass(frozen=True)
class CommandTemplate:
    slug: str
    title: str
    description: str
    command: str
    args: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def argv(self, values: dict[str, str], server_dir: str) -> tuple[str, ...]:
        """The command line; each parameter fills its own place inside one argument, no shell sees it.

        server_dir   the folder of the server, the only one of the data directory that it can use
        """
        filled = {
            parameter.name: values.get(parameter.name, parameter.default) for parameter in self.parameters
        } | {"server_dir": server_dir}
        return (self.command, *(_fill(arg, filled) for arg in self.args))

    def check(self, values: dict[str, Any]) -> dict[str, str]:
        """The values, if each is allowed; raises Invalid naming each that is not."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = {name: "is no parameter of this template" for name in values if name not in known}
        for name, parameter in known.items():
            if why := parameter.problem(values.get(name, parameter.default)):
                problems[name] = why
        if problems:
            fields = [{"field": f"parameters/{name}", "message": why} for name, why in problems.items()]
            raise Invalid("invalid_request", "The parameters do not fit the template.", {"fields": fields})
        return {name: str(values.get(name, parameter.default)) for name, parameter in known.items()}


def _fill(arg: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        arg = arg.replace("{" + name + "}", value)
    return arg


def matching_template(argv: Sequence[str]) -> tuple[CommandTemplate, dict[str, str]] | None:
    """The template that would start just this command, with its parameters; the program's folder does not count."""
    for template in command_templates().values():
        if _program(template.command) != _program(argv[0]) or len(template.args) != len(argv) - 1:
            continue
        values: dict[str, str] = {}
        fits = all(
            _fits(pattern, arg, template, values)
            for pattern, arg in zip(template.args, argv[1:], strict=True)
        )
        if fits and not any(row.problem(values.get(row.name, row.default)) for row in template.parameters):
            return template, values
    return None


def _program(command: str) -> str:
    return Path(command).name


def _fits(pattern: str, arg: str, template: CommandTemplate, values: dict[str, str]) -> bool:
    """Whether an argument is one of the template's; its parameters are noted in `values`."""
    parts = re.split(r"\{(\w+)\}", pattern)
    known = {row.name for row in template.parameters}
    names = [name for name in parts[1::2] if name in known]
    expression = "".join(
        f"(?P<{part}>.+)" if at % 2 and part in known else re2.escape(part) for at, part in enumerate(parts)
    )
    found = re2.fullmatch(expression, arg)
    if found is None:
        return False
    return all(values.setdefault(name, found.group(name)) == found.group(name) for name in names)


@lru_cache(maxsize=1)
def command_templates() -> dict[str, CommandTemplate]:
    """Every template that the installation offers; raises ImproperlyConfigured naming what is wrong in the file."""
    if not settings.STDIO_TEMPLATES:
        return {}
    path = Path(settings.STDIO_TEMPLATES)
    try:
        tables = tomllib.loads(path.read_text())
        return {slug: _template(slug, table) for slug, table in tables.items()}
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ImproperlyConfigured(f"PATCHBAY_STDIO_TEMPLATES ({path}) cannot be read: {error}") from error


def _template(slug: str, table: dict[str, Any]) -> CommandTemplate:
    if any("{data_dir}" in arg for arg in table.get("args", ())):
        raise TypeError(f"{slug}: the data directory is hidden from commands; write {{server_dir}}")
    places = {
        "python": sys.executable,
        "base_dir": str(settings.BASE_DIR),
    }
    return CommandTemplate(
        slug=slug,
        title=table.get("title", slug),
        description=table.get("description", ""),
        command=_fill(table["command"], places),
        args=tuple(_fill(arg, places) for arg in table.get("args", ())),
        parameters=tuple(
            Parameter(
                name=name,
                title=entry.get("title", name),
                choices=tuple(entry.get("choices", ())),
                pattern=entry.get("pattern", ""),
                default=entry.get("default", ""),
            )
            for name, entry in table.get("parameters", {}).items()
        ),
        env=dict(table.get("env", {})),
        secrets=tuple(table.get("secrets", ())),
    )
