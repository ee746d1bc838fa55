"""Answers in JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from flatline.live.answers import Refusal

JSON = "application/json"


def refuse(status: int, error: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal that says why."""
    return Response(msgspec.json.encode(Refusal(error)), status, headers, JSON)


def reply(request: Request, value: Any) -> Response:
    """A value as JSON; 304 without it when the one who asks has the same already."""
    return reply_file(request, value if isinstance(value, bytes) else msgspec.json.encode(value), JSON)


def reply_file(request: Request, body: bytes, kind: str) -> Response:
    """A body that may be kept, and asked for again with its tag."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)
