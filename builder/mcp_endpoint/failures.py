"""Failures as a caller of a tool gets them: `{"error": {"code", "message", "retryable"}}` with `isError`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import mcp_types as wire
from pydantic import ValidationError

from builder.http.errors import ProblemError
from runtime.errors import PatchbayError

logger = logging.getLogger(__name__)

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "retryable": {"type": "boolean"},
            },
            "required": ["code", "message", "retryable"],
        }
    },
    "required": ["error"],
}
SAME_AS: Mapping[str, str] = {"INVALID_REQUEST": "INVALID_INPUT", "UNKNOWN_TRIGGER": "INVALID_INPUT"}


class ToolFailed(Exception):
    """A call that cannot be done; `more` are further facts about it."""

    def __init__(self, code: str, message: str, *, retryable: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.more = more


def with_errors(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An output schema that allows an error as well: some clients check failed results too."""
    return {"type": "object", "anyOf": [dict(schema), ERROR_SCHEMA]}


def failure_of(error: Exception) -> ToolFailed:
    """Any exception of a tool, in the endpoint's words."""
    match error:
        case ToolFailed():
            return error
        case ProblemError() | PatchbayError():
            code = error.code.upper()
            return ToolFailed(
                SAME_AS.get(code, code), error.message, retryable=error.retryable, **_details(error.details)
            )
        case ValidationError():
            return _invalid_input(error)
    logger.exception("an MCP tool failed", exc_info=error, extra={"action": "mcp_endpoint"})
    return ToolFailed("INTERNAL_ERROR", "Something went wrong here. The failure was logged.", retryable=True)


def error_result(failed: ToolFailed) -> wire.CallToolResult:
    error = {"code": failed.code, "message": failed.message, "retryable": failed.retryable, **failed.more}
    body = {"error": error}
    text = wire.TextContent(type="text", text=json.dumps(body, ensure_ascii=False))
    return wire.CallToolResult(content=[text], structured_content=body, is_error=True)


def _details(details: Mapping[str, Any]) -> dict[str, Any]:
    return {"details": dict(details)} if details else {}


def _invalid_input(error: ValidationError) -> ToolFailed:
    fields = [
        {"field": "/".join(str(part) for part in row["loc"]), "message": row["msg"]}
        for row in error.errors(include_url=False)
    ]
    first = fields[0]
    message = f'"{first["field"]}": {first["message"]}. Compare with the tool\'s definition.'
    return ToolFailed("INVALID_INPUT", message, details={"fields": fields})
