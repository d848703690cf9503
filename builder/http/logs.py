"""One line per record: time, level, logger, sentence, then the extra fields as key=value; keys in addresses are left out."""

import logging
import re

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_UNTOLD = {"request"}
"""Django adds it to what it says of a request, and it shows the whole query."""
_KEY = re.compile(r"(/(?:hooks|forms)/)[^/?\s'\"]+")
"""Whoever knows such an address may use it."""


class NotOfHealth(logging.Filter):
    """Leaves out what Django says of /readyz: to whoever asks every few seconds a 503 is an answer, not an error."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"


class LineFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        told = ((key, value) for key, value in vars(record).items() if key not in _STANDARD | _UNTOLD)
        extra = " ".join(f"{key}={value}" for key, value in told)
        return _KEY.sub(r"\1…", f"{line}  {extra}" if extra else line)
