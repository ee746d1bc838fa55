"""What every symptom is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flatline.discovery import modules
from flatline.record.recording import Curve, Recording


@dataclass
class Symptom:
    """Something a person would see, without saying why.

    ``first_step`` is the optimizer step at which it first shows, ``epoch`` the epoch (from 1, None when unknown),
    ``value`` the number that shows it. ``text`` says it in one sentence. ``curve`` is the loss it was seen on.
    """

    name: str
    first_step: int
    value: float
    text: str
    epoch: int | None = None
    curve: Curve | None = None


# What a person would name first, of several.
PROMINENCE = (
    "non-finite-loss",
    "zero-loss",
    "reported-differs",
    "empty-epoch",
    "nothing-moves",
    "constant-loss",
    "rising-loss",
    "chance-plateau",
    "near-zero-loss",
    "too-good",
)


class Detector(Protocol):
    """The one function of a symptom's file."""

    def __call__(self, recording: Recording) -> list[Symptom]: ...


def find_all(recording: Recording, failures: list[str] | None = None) -> list[Symptom]:
    """Runs every file of this package; the order is that of first appearance in the run.

    With ``failures``, what fails is added there, and the others go on.
    """
    found: list[Symptom] = []
    for name, detector in detectors().items():
        try:
            found.extend(detector(recording))
        except Exception as error:
            if failures is None:
                raise
            failures.append(f"symptom {name}: {type(error).__name__}: {error}")
    for symptom in found:
        if symptom.epoch is None:
            symptom.epoch = epoch_of(recording, symptom.first_step)
    return sorted(found, key=lambda s: (s.first_step, s.name))


def detectors() -> dict[str, Callable[[Recording], list[Symptom]]]:
    """The symptoms by name; a file of this package with a function ``detect`` is one."""
    return {module.NAME: module.detect for module in modules("flatline.symptoms") if hasattr(module, "detect")}


def epoch_of(recording: Recording, step: int) -> int | None:
    """The epoch in which a step was taken, counted from 1 on the loader that training draws from."""
    training = training_epochs(recording)
    if not training:
        return None
    for number, (_, last_step) in enumerate(training, start=1):
        if step < last_step:
            return number
    return len(training)


def training_epochs(recording: Recording) -> list[tuple[int, int]]:
    """First and last optimizer step of each epoch that contains training, from the loaders' own records."""
    result: list[tuple[int, int]] = []
    previous: dict[int, int] = {}
    from flatline.observe.events import EpochStarted

    starts: dict[int, list[int]] = {}
    for started in recording.all(EpochStarted):
        starts.setdefault(started.loader, []).append(started.step)
    for ended in recording.epochs:
        index = previous.get(ended.loader, 0)
        previous[ended.loader] = index + 1
        begin = starts.get(ended.loader, [0])[min(index, len(starts.get(ended.loader, [0])) - 1)]
        if ended.step > begin:
            result.append((begin, ended.step))
    return result
