"""The SARIF log is valid by the committee's schema, names every cause as a rule and leads to the lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import reported
from flatline.causes.base import catalogue
from flatline.report.sarif import to_sarif
from flatline.verdict import CauseItem, Fix, Location, Verdict
from test_page_hostile import HOSTILE

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))


def log(verdict: Verdict, folder: str = "/home/someone") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(to_sarif(verdict, folder))
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER).validate(content)
    return content


def test_the_causes_are_results_at_their_lines() -> None:
    (run,) = log(reported.verdict())["runs"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"], second["ruleId"], second["level"]) == (
        "numeric-overflow", "error", "wrong-mode", "note")  # fmt: skip
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "train.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"]["startLine"] == 16
    assert [p["physicalLocation"]["region"]["startLine"] for p in first["relatedLocations"]] == [6]
    assert "Log of 0 (expected finite numbers)" in first["message"]["text"]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == ["forward: ValueError: no"]


def test_every_known_cause_is_a_rule_and_the_index_leads_to_it() -> None:
    verdict = reported.verdict()
    verdict.causes.append(CauseItem("of-a-later-version", "likely", 0.9, None, [], None, Fix("")))
    (run,) = log(verdict)["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [*catalogue(), "of-a-later-version"]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert "locations" not in run["results"][-1]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("/home/someone/a b/ü#.py", "a%20b/%C3%BC%23.py"),
        ("sub/train.py", "sub/train.py"),
        ("/elsewhere/t.py", "file:///elsewhere/t.py"),
    ],
)
def test_files_are_addresses(file: str, uri: str) -> None:
    verdict = reported.verdict()
    verdict.causes[0].location = Location(file, 1, "x")
    artifact = log(verdict)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == uri
    assert ("uriBaseId" in artifact) == (not uri.startswith("file:"))


def test_nothing_found_is_a_valid_log_without_results() -> None:
    verdict = reported.verdict()
    verdict.causes, verdict.probe_failures = [], []
    assert log(verdict)["runs"][0]["results"] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text(name: str) -> None:
    (run,) = log(reported.verdict(HOSTILE[name]))["runs"]
    assert HOSTILE[name] in run["results"][0]["message"]["text"]
