"""Training runs, and not one weight changes."""

from __future__ import annotations

from flatline.observe.events import StepCount, Update
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "nothing-moves"


def detect(recording: Recording) -> list[Symptom]:
    backwards = sum(len(c) for c in recording.optimised)
    updates = recording.all(Update)
    stepped = any(count.steps for count in recording.all(StepCount))
    if backwards >= 3 and recording.optimizers and not updates and not stepped:
        text = f"backward ran {backwards} times and no optimizer took a step"
        return [Symptom(NAME, 0, 0.0, text, curve=recording.optimised[0])]
    # A warm-up starts from a learning rate of 0: its first step moves nothing and is no fault.
    if len(updates) >= 2 and not any(p.moved for u in updates for p in u.parameters):
        text = f"no parameter changed in any of the {len(updates)} optimizer steps that were measured"
        curve = recording.optimised[0] if recording.optimised else None
        return [Symptom(NAME, updates[0].step, 0.0, text, curve=curve)]
    return []
