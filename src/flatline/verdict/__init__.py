"""The verdict: what is wrong, why, on which line, how sure, and what was ruled out. One file, stable."""

from flatline.verdict.diagnosis import diagnose
from flatline.verdict.schema import (
    SCHEMA,
    UNHEALTHY_SYMPTOMS,
    CauseItem,
    CheckItem,
    EvidenceItem,
    ExpectedItem,
    Fix,
    Location,
    LoggedItem,
    LogItem,
    Overhead,
    RuledOutItem,
    Run,
    SymptomItem,
    UntestedItem,
    Verdict,
    from_json,
    json_number,
)
from flatline.verdict.summary import count_epochs

__all__ = [
    "SCHEMA",
    "UNHEALTHY_SYMPTOMS",
    "CauseItem",
    "CheckItem",
    "EvidenceItem",
    "ExpectedItem",
    "Fix",
    "Location",
    "LogItem",
    "LoggedItem",
    "Overhead",
    "RuledOutItem",
    "Run",
    "SymptomItem",
    "UntestedItem",
    "Verdict",
    "count_epochs",
    "diagnose",
    "from_json",
    "json_number",
]
