"""The verdict on a log: what it shows, which causes that leaves, and the one command that would tell them apart.

A log holds a few numbers of a run and nothing of the program, so no cause comes above ``possible``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import numpy as np

from flatline.causes.base import Cause, Level, catalogue
from flatline.causes.case import number
from flatline.logs.base import Log, Series
from flatline.logs.bearing import BEARINGS, BY_EXPERIMENT, UNSOLVED, UNSOLVED_ELSE, Bearing
from flatline.logs.onset import Fact, Onset
from flatline.logs.recording import as_recording, shown_losses
from flatline.logs.sights import symptoms_of
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom
from flatline.verdict import (
    SCHEMA,
    UNHEALTHY_SYMPTOMS,
    CauseItem,
    EvidenceItem,
    Fix,
    LoggedItem,
    LogItem,
    Overhead,
    RuledOutItem,
    Run,
    SymptomItem,
    Verdict,
    json_number,
)

# Twice the first loss, as for the symptom: a rise that training came back from is none of a run that is over.
STAYS_UP = 2.0
PROGRAM = "PROGRAM"


def diagnose_log(log: Log) -> tuple[Verdict, Recording]:
    """The verdict on a log, and the log as a recording, for the pages that draw one."""
    recording = as_recording(log)
    symptoms = symptoms_of(log, recording)
    main = next((s for s in symptoms if s.name in BEARINGS), None)
    sight = _sight(main, symptoms) if main is not None else ""
    facts = Onset(log, main, sight).facts if main is not None else []
    left, excluded = _weigh(sight, facts)
    known = catalogue()
    causes = [_item(bearing, share, facts, known) for bearing, share in left if bearing.cause in known]
    healthy = not any(s.name in UNHEALTHY_SYMPTOMS or _stays_up(s, log) for s in symptoms)
    command, why = _next(log, causes, facts, known, bool(symptoms))
    verdict = Verdict(
        SCHEMA,
        _summary(log, symptoms, causes, command),
        healthy,
        [SymptomItem(s.name, s.first_step, _epoch(s, log), json_number(s.value), s.text) for s in symptoms],
        causes,
        [item for item in excluded if item.name in known],
        [],
        [],
        [],
        Overhead(1.0),
        Run(log.program, None, max((max(s.steps) for s in log.series.values() if len(s)), default=0), _epochs(log), {}),
        log=LogItem(
            log.path,
            log.format,
            [_series(s) for s in log.series.values() if len(s)],
            [fact.text for fact in facts],
            log.notes,
            command,
            why,
        ),
    )
    return verdict, recording


def _sight(main: Symptom, symptoms: list[Symptom]) -> str:
    """What is to be explained: a loss that never changes and would print as 0 is a zero to who reads it."""
    names = {symptom.name for symptom in symptoms}
    return "zero-loss" if {"constant-loss", "near-zero-loss"} <= names else main.name


def _weigh(sight: str, facts: list[Fact]) -> tuple[list[tuple[Bearing, float]], list[RuledOutItem]]:
    """The causes that the facts leave, with their shares of the reports, the largest first; and those they exclude."""
    shown = {fact.key: fact.text for fact in facts}
    left: list[Bearing] = []
    excluded: list[RuledOutItem] = []
    for bearing in BEARINGS.get(sight, ()):
        if bearing.needs and not any(key in shown for key in bearing.needs):
            continue
        against = [shown[key] for key in bearing.against if key in shown]
        if against:
            excluded.append(RuledOutItem(bearing.cause, "; ".join(against)))
        else:
            left.append(bearing)
    left.sort(key=lambda bearing: -bearing.reports)
    total = sum(bearing.reports for bearing in left) + UNSOLVED.get(sight, UNSOLVED_ELSE)
    return [(bearing, bearing.reports / total) for bearing in left], excluded


def _item(bearing: Bearing, share: float, facts: list[Fact], known: dict[str, Cause]) -> CauseItem:
    cause = known[bearing.cause]
    evidence = [EvidenceItem("the log", fact.text, "") for fact in facts if fact.key in bearing.speaks]
    return CauseItem(bearing.cause, Level.POSSIBLE.value, round(share, 4), None, evidence, None, Fix(cause.remedy()))


def _next(log: Log, causes: list[CauseItem], facts: list[Fact], known: dict[str, Cause], seen: bool) -> tuple[str, str]:
    """The command that tells the causes apart, the cheapest that can."""
    program = shlex.join(log.program) if log.program else PROGRAM
    if not seen:
        return "", ""
    names = [item.name for item in causes]
    early = all(known[name].before_training in (Level.LIKELY, Level.PROVEN) for name in names)
    if names and early and any(fact.key == "from-first-step" for fact in facts):
        return (
            f"flatline check {program}",
            f"it looks at the first step only, and {'all of these show' if len(names) > 1 else 'this shows'} there",
        )
    if set(names) & BY_EXPERIMENT:
        which = next(name for name in names if name in BY_EXPERIMENT)
        return f"flatline prove {program}", f"it measures, and tries what only a change can show, such as {which}"
    return f"flatline run {program}", "it measures the loss, its inputs, targets, gradients and weights at each step"


def _summary(log: Log, symptoms: list[Symptom], causes: list[CauseItem], command: str) -> str:
    losses = shown_losses(log)
    if not losses:
        return "No loss was found in this log."
    if not symptoms:
        series = losses[0]
        first, last = number(series.values[0]), number(series.values[-1])
        entries = "1 entry" if len(series) == 1 else f"{len(series)} entries"
        return f"The log shows nothing wrong: {series.name.text} went from {first} to {last} in {entries}."
    text = symptoms[0].text
    sight = f"{text[0].upper()}{text[1:]}."
    if not causes:
        return f"{sight} See what did it: {command}"
    if len(causes) == 1:
        return f"{sight} A log cannot say why: one cause is left, {causes[0].name}. This would show it: {command}"
    return f"{sight} A log cannot say why: {len(causes)} causes are possible. This would tell them apart: {command}"


def _stays_up(symptom: Symptom, log: Log) -> bool:
    if symptom.name != "rising-loss":
        return False
    losses = shown_losses(log)
    name = symptom.curve.name if symptom.curve is not None else ""
    values = np.array(next((s for s in losses if s.name.text == name), losses[0]).values)
    return bool(values[-max(1, len(values) // 10) :].mean() > STAYS_UP * values[0])


def _series(series: Series) -> LoggedItem:
    what = f"{'evaluation ' if series.name.evaluation else ''}{series.name.role.value}"
    return LoggedItem(
        series.name.text, what, len(series), json_number(series.values[0]), json_number(series.values[-1])
    )


def _epochs(log: Log) -> int:
    return len(set(_whole_epochs(epoch for series in log.series.values() for epoch in series.epochs)))


def _whole_epochs(epochs: Iterable[float]) -> Iterable[int]:
    """Trainers that log a fraction of an epoch are within the next one."""
    return (int(-(-epoch // 1)) for epoch in epochs if abs(epoch) < 1e15)


def _epoch(symptom: Symptom, log: Log) -> int | None:
    for series in shown_losses(log):
        for step, epoch in zip(series.steps, series.epochs):
            if step == symptom.first_step and abs(epoch) < 1e15:
                return max(1, next(iter(_whole_epochs([epoch]))))
    return None
