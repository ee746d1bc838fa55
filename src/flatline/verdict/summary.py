"""The verdict in a few sentences: what is seen, and what follows from it."""

from __future__ import annotations

import re

import numpy as np

from flatline.before_training import first_sight
from flatline.causes.base import Level
from flatline.observe.events import Checked, Printed
from flatline.record.recording import Recording
from flatline.symptoms.base import PROMINENCE, Symptom
from flatline.verdict.schema import CauseItem, ExpectedItem


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


def summarise(
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
