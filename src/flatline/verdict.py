"""The verdict: what is wrong, why, on which line, how sure, and what was ruled out. One file, stable."""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from flatline import ending
from flatline.before_training import BEFORE_TRAINING, checks, first_sight, limited
from flatline.causes.base import (
    Cause,
    Decision,
    Evidence,
    Expected,
    Found,
    Level,
    Outcome,
    RuledOut,
    Untested,
    catalogue,
)
from flatline.causes.case import Case
from flatline.causes.decisions import decide_all
from flatline.experiments.proof import ExperimentItem, Proof, ProofItem
from flatline.observe.events import Checked, Printed, ProbeFailed
from flatline.record.reader import Line, Recording
from flatline.symptoms.base import PROMINENCE, Symptom, find_all

SCHEMA = 1
# After an experiment that confirms a cause, the doubt that is left is that something else went with the change: not
# more than one in twenty, the level of the tests.
MOST_DOUBT = 0.05
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


def diagnose(recording: Recording, proof: Proof | None = None) -> Verdict:
    """Finds symptoms, asks every cause, ranks what was found and writes the summary.

    ``proof`` is what experiments on this run have shown: a confirmed cause is proven, a refuted one is ruled out.
    """
    failures = [f"{f.probe}: {f.message}" for f in recording.all(ProbeFailed)]
    symptoms = find_all(recording, failures)
    if recording.stopped is not None:
        symptoms = [s for s in symptoms if s.name in BEFORE_TRAINING]
    case = Case(recording, symptoms)
    found: list[tuple[str, Found]] = []
    ruled_out: list[RuledOutItem] = []
    expected: list[ExpectedItem] = []
    untested: list[UntestedItem] = []
    known = catalogue()
    titles = {name: cause.title for name, cause in known.items()}
    limits = {name: cause.before_training if case.preflight else Level.PROVEN for name, cause in known.items()}
    decided, broken = decide_all(case, {name: cause for name, cause in known.items() if limits[name] is not None})
    failures += broken
    for name, decisions in decided.items():
        for decision in decisions:
            _sort(name, limited(decision, limits[name] or Level.PROVEN), found, ruled_out, expected, untested)
    experiments = proof.experiments if proof is not None else {}
    found.sort(key=lambda pair: (pair[1].level.rank, -pair[1].confidence))
    found, ruled_out, untested = _tested(found, ruled_out, untested, experiments, known)
    # Of several decisions of one cause, the first carries its experiment.
    left = dict(experiments)
    causes = [_cause_item(name, decision, left.pop(name, None)) for name, decision in found]
    faults = [c for c in causes if c.level != Level.POSSIBLE.value]
    unexplained = [s for s in symptoms if s.name in UNHEALTHY_SYMPTOMS] and not faults and not expected
    healthy = not faults and not unexplained
    summary = _summary(recording, symptoms, causes, expected, titles, bool(unexplained), len(known))
    ended, sentence = ending.told(recording)
    if sentence:
        summary = f"{summary.removesuffix('.')}. {sentence}"
    return Verdict(
        SCHEMA,
        summary,
        healthy,
        [SymptomItem(s.name, s.first_step, s.epoch, json_number(s.value), s.text) for s in symptoms],
        causes,
        ruled_out,
        expected,
        untested,
        failures,
        Overhead(round(recording.overhead, 4), round(recording.cost.probes, 3), recording.cost.budget),
        Run(
            recording.run.argv,
            recording.run.seed,
            recording.steps if recording.stopped is None else int(recording.stopped.after),
            count_epochs(recording),
            recording.run.versions,
            ended,
        ),
        [CheckItem(*item) for item in checks(recording, found, {r.name: r.evidence for r in ruled_out})],
        proof.whole if proof is not None else None,
    )


def _tested(
    found: list[tuple[str, Found]],
    ruled_out: list[RuledOutItem],
    untested: list[UntestedItem],
    experiments: dict[str, ExperimentItem],
    known: dict[str, Cause],
) -> tuple[list[tuple[str, Found]], list[RuledOutItem], list[UntestedItem]]:
    """The decisions after the experiments: proven ones first, refuted ones among those ruled out."""
    refuted = {name for name, item in experiments.items() if item.outcome == Outcome.REFUTED.value}
    confirmed = {name for name, item in experiments.items() if item.outcome == Outcome.CONFIRMED.value}
    ruled_out = ruled_out + [RuledOutItem(n, f"{experiments[n].asks} {experiments[n].text}") for n in sorted(refuted)]
    untested = [item for item in untested if item.name not in refuted | confirmed]
    kept = [(name, decision) for name, decision in found if name not in refuted]
    for name in sorted(confirmed):
        first = next((index for index, (other, _) in enumerate(kept) if other == name), None)
        if first is None:
            # It could not be measured, and the experiment alone shows it.
            item = experiments[name]
            shown = Evidence(item.asks, item.trial_measured or item.text, item.control_measured)
            kept.append((name, Found(Level.PROVEN, 1 - MOST_DOUBT, None, [shown], known[name].remedy())))
            continue
        decision = kept[first][1]
        sure = max(decision.confidence, 1 - MOST_DOUBT)
        kept[first] = name, replace(decision, level=Level.PROVEN, confidence=sure)
    kept.sort(key=lambda pair: (pair[1].level.rank, -pair[1].confidence))
    return kept, ruled_out, untested


def _sort(
    name: str,
    decision: Decision | None,
    found: list[tuple[str, Found]],
    ruled_out: list[RuledOutItem],
    expected: list[ExpectedItem],
    untested: list[UntestedItem],
) -> None:
    if isinstance(decision, Found):
        found.append((name, decision))
    elif isinstance(decision, RuledOut):
        ruled_out.append(RuledOutItem(name, decision.evidence))
    elif isinstance(decision, Expected):
        expected.append(ExpectedItem(name, decision.evidence, _location(decision.line)))
    elif isinstance(decision, Untested):
        untested.append(UntestedItem(name, decision.reason))


def _cause_item(name: str, found: Found, experiment: ExperimentItem | None = None) -> CauseItem:
    return CauseItem(
        name,
        found.level.value,
        # NaN first: max keeps its first argument when no comparison holds.
        round(min(max(0.0, found.confidence), 1.0), 4),
        _location(found.line),
        [_evidence(item) for item in found.evidence],
        experiment,
        Fix(found.fix),
        [place for place in map(_location, found.related) if place is not None],
    )


def _evidence(item: Evidence) -> EvidenceItem:
    return EvidenceItem(item.text, item.measured, item.expected)


def _location(line: Line | None) -> Location | None:
    return Location(line.file, line.line, line.source) if line is not None else None


def json_number(value: float) -> float | str:
    """A number JSON can hold; NaN and infinities become their names."""
    return value if math.isfinite(value) else str(value)


def count_epochs(recording: Recording) -> int:
    """Passes over the loader that training draws from; else the different epoch numbers printed; 0 when unknown."""
    trained: dict[int, int] = {}
    for ended in recording.epochs:
        trained[ended.loader] = trained.get(ended.loader, 0) + 1
    # A loader made anew for each pass (Keras) says nothing of their number; then what is printed may.
    passes = max(trained.values(), default=0)
    if passes > 1:
        return passes
    found = (re.search(r"epoch\D{0,4}(\d+)", line.text, re.IGNORECASE) for line in recording.all(Printed))
    return max(passes, len({match[1] for match in found if match is not None}))


def _summary(
    recording: Recording,
    symptoms: list[Symptom],
    causes: list[CauseItem],
    expected: list[ExpectedItem],
    titles: dict[str, str],
    unexplained: bool,
    known: int,
) -> str:
    sight = _sight(recording, symptoms) if recording.stopped is None else first_sight(recording, symptoms)
    if recording.run.rank and len(recording.ranks) > 1:
        sight = f"{sight} This is rank {recording.run.rank} of {len(recording.ranks)}, where it was first seen.".strip()
    faults = [c for c in causes if c.level != Level.POSSIBLE.value]
    if recording.run.check and recording.stopped is None:
        sight = f"The program ended before any update of weights that can be seen. {sight}".strip()
    if not recording.backwards and not faults and recording.stopped is None:
        return sight or "No training was seen: backward never ran."
    if faults:
        first = faults[0]
        where = f" ({first.location.file.rsplit('/', 1)[-1]}:{first.location.line})" if first.location else ""
        more = f" Also: {', '.join(c.name for c in faults[1:])}." if len(faults) > 1 else ""
        return f"{sight} {first.level.capitalize()} cause: {titles[first.name]}{where}.{more}".strip()
    if unexplained:
        return f"{sight} None of the {known} causes known here explains it; see what was ruled out."
    if expected:
        return f"{sight} This is expected: {expected[0].evidence}".strip()
    failed = [c.name for c in recording.all(Checked) if c.outcome == "failed"]
    if failed:
        return f"{sight} No cause was found, but {_plural(len(failed), 'check')} failed: {', '.join(failed)}.".strip()
    return f"{sight} No fault was found.".strip()


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _sight(recording: Recording, symptoms: list[Symptom]) -> str:
    for name in PROMINENCE:
        for symptom in symptoms:
            if symptom.name == name:
                text = f"{symptom.text[0].upper()}{symptom.text[1:]}."
                return f"The loss is not zero. {text}" if name in ("rising-loss", "chance-plateau") else text
    curve = recording.optimised[0] if recording.optimised else None
    if curve is None:
        return ""
    first, last = curve.values[0], float(np.mean(curve.values[-max(1, len(curve) // 10) :]))
    return f"The loss is not zero: it went from {first:.4g} to {last:.4g} in {len(curve)} steps."
