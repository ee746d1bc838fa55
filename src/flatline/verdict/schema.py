"""The verdict file: every field that it has. Later versions add fields and remove none."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import msgspec

from flatline.causes.base import Level
from flatline.experiments.proof import ExperimentItem, ProofItem

SCHEMA = 1
# What makes a run unhealthy when nothing explains it, and it is not expected.
UNHEALTHY_SYMPTOMS = ("zero-loss", "non-finite-loss", "constant-loss", "nothing-moves", "empty-epoch")


class Location(msgspec.Struct):
    file: str
    line: int
    source: str


class EvidenceItem(msgspec.Struct):
    text: str
    measured: str
    expected: str


class Fix(msgspec.Struct):
    text: str
    diff: str | None = None


class CauseItem(msgspec.Struct):
    name: str
    level: str
    confidence: float
    location: Location | None
    evidence: list[EvidenceItem]
    experiment: ExperimentItem | None
    fix: Fix
    related: list[Location] = []


class SymptomItem(msgspec.Struct):
    name: str
    first_step: int
    epoch: int | None
    value: float | str | None
    text: str


class RuledOutItem(msgspec.Struct):
    name: str
    evidence: str


class ExpectedItem(msgspec.Struct):
    name: str
    evidence: str
    location: Location | None = None


class UntestedItem(msgspec.Struct):
    name: str
    reason: str


class Overhead(msgspec.Struct):
    """``ratio``: time with flatline over time without it, by its own clock; ``seconds``: what it took, start-up and all;
    ``budget``: the share of the run's time that it was allowed (0 in records that do not say)."""

    ratio: float
    seconds: float = 0.0
    budget: float = 0.0


class Run(msgspec.Struct):
    """``ended``: the exception that ended the program, with its line; or ``killed``; else null."""

    argv: list[str]
    seed: int | None
    steps: int
    epochs: int
    versions: dict[str, str]
    ended: str | None = None


class CheckItem(msgspec.Struct):
    """One check before training: ``passed``, ``failed``, ``expected`` or ``undone`` (with the reason in ``text``)."""

    name: str
    outcome: str
    text: str


class LoggedItem(msgspec.Struct):
    """One series of a log: its name there, what it is taken for, and its first and last value."""

    name: str
    what: str
    entries: int
    first: float | str
    last: float | str


class LogItem(msgspec.Struct):
    """What was read when the verdict comes from a log alone (``flatline read``).

    ``facts`` are what it shows beside the symptom, ``notes`` say what of it could not be read; ``next`` is the one command that would tell the causes apart, and
    ``why`` what it would measure.
    """

    path: str
    format: str
    series: list[LoggedItem]
    facts: list[str]
    notes: list[str]
    next: str
    why: str


class Verdict(msgspec.Struct):
    """The verdict file. Numbers that JSON cannot hold (NaN, infinities) are written as strings."""

    schema: int
    summary: str
    healthy: bool
    symptoms: list[SymptomItem]
    causes: list[CauseItem]
    ruled_out: list[RuledOutItem]
    expected: list[ExpectedItem]
    untested: list[UntestedItem]
    probe_failures: list[str]
    overhead: Overhead
    run: Run
    checks: list[CheckItem] = []
    proof: ProofItem | None = None
    log: LogItem | None = None

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    def write(self, path: str | Path) -> None:
        Path(path).write_bytes(self.to_json() + b"\n")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        # The report is made from verdicts, and no verdict from a report: it is looked up only when a notebook asks.
        html: str = importlib.import_module("flatline.report.notebook").as_html(self)
        return html

    @property
    def faults(self) -> list[CauseItem]:
        """Causes at ``likely`` or above."""
        return [c for c in self.causes if c.level != Level.POSSIBLE.value]


def from_json(data: bytes) -> Verdict:
    """Reads a verdict file.

    Raises:
        msgspec.ValidationError: the data are not a verdict of schema 1.
    """
    try:
        return msgspec.json.decode(data, type=Verdict)
    except UnicodeDecodeError as error:
        raise msgspec.ValidationError(str(error)) from error


def json_number(value: float) -> float | str:
    """A number JSON can hold; NaN and infinities become their names."""
    return value if math.isfinite(value) else str(value)
