"""Asks every cause about a recording, ranks what was found, and puts the verdict together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flatline import ending
from flatline.before_training import BEFORE_TRAINING, checks, limited
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
from flatline.experiments.proof import ExperimentItem, Proof
from flatline.observe.events import ProbeFailed
from flatline.record.recording import Line, Recording
from flatline.symptoms.base import find_all
from flatline.verdict.schema import (
    SCHEMA,
    UNHEALTHY_SYMPTOMS,
    CauseItem,
    CheckItem,
    EvidenceItem,
    ExpectedItem,
    Fix,
    Location,
    Overhead,
    RuledOutItem,
    Run,
    SymptomItem,
    UntestedItem,
    Verdict,
    json_number,
)
from flatline.verdict.summary import count_epochs, summarise

# After an experiment that confirms a cause, the doubt that is left is that something else went with the change: not
# more than one in twenty, the level of the tests.
MOST_DOUBT = 0.05


def diagnose(recording: Recording, proof: Proof | None = None) -> Verdict:
    """Finds symptoms, asks every cause, ranks what was found and writes the summary.

    ``proof`` is what experiments on this run have shown: a confirmed cause is proven, a refuted one is ruled out.
    """
    # NaN and infinities are what is looked at here: numpy's warnings of them would appear among the program's own lines.
    with np.errstate(all="ignore"):
        return _diagnose(recording, proof)


def _diagnose(recording: Recording, proof: Proof | None) -> Verdict:
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
    summary = summarise(recording, symptoms, causes, expected, titles, bool(unexplained), len(known))
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
