"""What the OpenAPI document says of every operation besides its own: how it answers what it refuses."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

PROBLEM = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "status": {"title": "Status", "type": "integer"},
        "code": {"title": "Code", "type": "string", "description": "One of docs/reference/errors.md."},
        "message": {"title": "Message", "type": "string"},
        "details": {"title": "Details", "type": "object", "additionalProperties": True},
        "retryable": {"title": "Retryable", "type": "boolean"},
    },
    "required": ["status", "code", "message", "details", "retryable"],
}
"""What builder.http.errors.problem answers."""
REFUSED = {
    "description": "It was refused, or it failed.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class DescribedApi(NinjaAPI):
    """An API whose document also says how its operations fail."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        document["components"]["schemas"]["Problem"] = PROBLEM
        for operations in document["paths"].values():
            for operation in operations.values():
                own = {str(status): told for status, told in operation["responses"].items()}
                operation["responses"] = {"default": REFUSED, **own}
        return document
