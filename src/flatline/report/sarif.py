"""The verdict as SARIF 2.1.0, which code review tools show beside the line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from flatline.causes.base import catalogue
from flatline.report.page import version
from flatline.verdict import CauseItem, Location, Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"proven": "error", "likely": "error", "possible": "note"}


def to_sarif(verdict: Verdict, folder: str | Path = ".") -> bytes:
    """The causes as results of a SARIF 2.1.0 log; every known cause is a rule.

    ``proven`` and ``likely`` are errors, ``possible`` is a note; what was ruled out is no result. Files below ``folder``
    are named from there, relative to ``%SRCROOT%``.
    """
    known = catalogue()
    names = [*known, *dict.fromkeys(c.name for c in verdict.causes if c.name not in known)]
    rules = [_rule(name, known[name].title if name in known else name) for name in names]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "flatline", "semanticVersion": version(), "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(cause, names.index(cause.name), verdict, Path(folder)) for cause in verdict.causes],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": failure}} for failure in verdict.probe_failures
                ],
            }
        ],
        "properties": {"summary": verdict.summary, "healthy": verdict.healthy},
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2)


def _rule(name: str, title: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": title[:1].upper() + title[1:] + "."},
        "help": {"text": f"`flatline causes explain {name}` tells what it is, how it is told apart, and the fix."},
        "defaultConfiguration": {"level": "error"},
    }


def _result(cause: CauseItem, rule: int, verdict: Verdict, folder: Path) -> dict[str, Any]:
    evidence = "; ".join(
        f"{e.text}: {e.measured}" + (f" (expected {e.expected})" if e.expected else "") for e in cause.evidence
    )
    parts = [f"{cause.level.capitalize()}: {cause.name}, {cause.confidence:.0%} sure.", f"{evidence}." if evidence else "",
             f"Fix: {cause.fix.text}" if cause.fix.text else ""]  # fmt: skip
    result: dict[str, Any] = {
        "ruleId": cause.name,
        "ruleIndex": rule,
        "level": _LEVELS.get(cause.level, "warning"),
        "message": {"text": " ".join(part for part in parts if part)},
        "rank": round(100 * cause.confidence, 2),
        "properties": {"level": cause.level, "confidence": cause.confidence},
    }
    if cause.location is not None:
        result["locations"] = [_location(cause.location, folder)]
    if cause.related:
        result["relatedLocations"] = [_location(place, folder) for place in cause.related]
    return result


def _location(place: Location, folder: Path) -> dict[str, Any]:
    relative = os.path.relpath(place.file, folder) if os.path.isabs(place.file) else place.file
    artifact = (
        {"uri": Path(place.file).as_uri()}
        if relative.startswith("..")
        else {"uri": quote(Path(relative).as_posix()), "uriBaseId": "%SRCROOT%"}
    )
    region: dict[str, Any] = {"startLine": max(place.line, 1)}
    if place.source:
        region["snippet"] = {"text": place.source}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
