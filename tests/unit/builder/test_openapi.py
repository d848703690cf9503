"""The OpenAPI document says how every operation fails, as it then does."""

from __future__ import annotations

import json

from builder.api import api
from builder.http.errors import problem
from runtime.json_schema import problems_in


def test_every_operation_tells_of_problems() -> None:
    document = api.get_openapi_schema()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert operations
    for operation in operations:
        told = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert told == {"$ref": "#/components/schemas/Problem"}


def test_a_problem_is_what_the_document_says() -> None:
    answer = problem(409, "stale_revision", "Somebody was first.", {"revision": 2})
    schema = api.get_openapi_schema()["components"]["schemas"]["Problem"]
    told = json.loads(answer.content)
    assert problems_in(told, schema) == []
    assert told.keys() == schema["properties"].keys()
