"""The description of the JSON interface, made from the types of its answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from flatline.live.answers import Opinion, Progress, Refusal, RunItem, RunList

_TYPES = (RunList, RunItem, Progress, Opinion, Refusal)
_REFUSALS = {
    400: "A parameter is unknown, given twice, or not of its form.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another origin.",
    404: "There is no such run, or no longer.",
    413: "The request has a body.",
    414: "The address is too long.",
    421: "The Host header names another server.",
    431: "The headers are too long.",
    503: "The record is being read, and that takes long; ask again.",
}
_RUN = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The name of a run, as the list gives it.",
    "schema": {"type": "string", "minLength": 1},
}
_LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "How many of the newest runs.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "The `cursor` of the answer before; without it everything is sent.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{8}\\.[0-9]{1,18}$"},
}


@cache
def description() -> dict[str, Any]:
    """The OpenAPI 3.1 description, as plain data.

    >>> sorted(description()["paths"])
    ['/api/runs', '/api/runs/{id}', '/api/runs/{id}/curves', '/api/runs/{id}/verdict']
    """
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "flatline live",
            "version": "1",
            "description": "Read-only. Send the token of the printed address as `Authorization: Bearer TOKEN`.",
        },
        "security": [{"token": []}],
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "paths": {
            "/api/runs": _get("The newest runs of the folder", RunList, [_LIMIT], tagged=True),
            "/api/runs/{id}": _get("One run", RunItem, [_RUN], tagged=True),
            "/api/runs/{id}/curves": _get("What is new of a run's curves", Progress, [_RUN, _CURSOR]),
            "/api/runs/{id}/verdict": _get("The latest verdict on a run", Opinion, [_RUN], tagged=True),
        },
    }


def _get(summary: str, answer: type, parameters: list[dict[str, Any]], tagged: bool = False) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": summary, "content": _content(answer)}}
    if tagged:
        responses["304"] = {"description": "Nothing has changed since the answer with the tag in If-None-Match."}
    for status, why in _REFUSALS.items():
        if status != 404 or _RUN in parameters:
            responses[str(status)] = {"description": why, "content": _content(Refusal)}
    return {"get": {"summary": summary, "parameters": parameters, "responses": responses}}


def _content(answer: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}}}
