"""What the experiments on one run have shown: part of the verdict file, so fields are added and none removed."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from flatline.causes.case import Case
from flatline.record import beside
from flatline.record.secrets import Secrets

MOST_POINTS = 200


class CurveItem(msgspec.Struct):
    """A loss curve, thinned to at most 200 points: the value at each step; NaN and infinities are their names."""

    steps: list[int]
    values: list[float | str]


class ExperimentItem(msgspec.Struct):
    """One experiment on one cause.

    ``outcome`` is ``confirmed``, ``refuted`` or ``undecided``; ``control_measured`` and ``trial_measured`` are the
    numbers that decided it. ``symptoms_in_trial`` are those of the first trial. With several seeds, the symptom showed
    in ``control_shown`` of the ``control_runs`` runs without the change and in ``trial_shown`` of the ``trial_runs``
    with it; ``p_value`` is one-sided, from Fisher's exact test, and corrected for the number of such tests after Holm.
    """

    asks: str
    changes: list[dict[str, Any]]
    outcome: str
    text: str
    control_measured: str
    trial_measured: str
    control: CurveItem | None
    trial: CurveItem | None
    symptoms_in_control: list[str]
    symptoms_in_trial: list[str]
    steps: int | None
    seeds: int = 1
    control_shown: int = 0
    control_runs: int = 0
    trial_shown: int = 0
    trial_runs: int = 0
    p_value: float | None = None
    seconds: float = 0.0
    held: int = 0
    pairs: int = 0
    over_seeds: str = ""


class TrialItem(msgspec.Struct):
    """One run of the program for an experiment: how it ended, and how long it took in seconds."""

    asks: str
    changes: list[dict[str, Any]]
    steps: int | None
    status: str
    message: str
    seconds: float
    isolation: str


class ProofItem(msgspec.Struct):
    """The experiments as a whole.

    ``reproduced`` is false when the untouched program did not show the symptom again; ``control_shown`` of
    ``control_runs`` untouched runs (under different seeds, when there are several) did. ``text`` says in a sentence
    what came of it, ``seconds`` is the wall time of all of it.
    """

    reproduced: bool
    text: str
    control_shown: int
    control_runs: int
    seconds: float
    stopped: str
    trials: list[TrialItem]


class Proof(msgspec.Struct):
    """What the verdict takes over: the whole, and for each cause the experiment that says most about it."""

    whole: ProofItem
    experiments: dict[str, ExperimentItem]


def curve_item(case: Case) -> CurveItem | None:
    """The loss of a run for the verdict file: thinned evenly, its first, last, least and greatest values kept."""
    curve = case.curve
    if curve is None or not len(curve):
        return None
    chosen = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), MOST_POINTS - 2)).round().astype(int))
    finite = np.flatnonzero(np.isfinite(curve.values))
    if len(finite) and len(chosen) < len(curve):
        extremes = [finite[np.argmin(curve.values[finite])], finite[np.argmax(curve.values[finite])]]
        chosen = np.unique(np.concatenate([chosen, np.array(extremes)]))
    values = [float(v) for v in curve.values[chosen]]
    return CurveItem(
        [int(s) for s in curve.steps[chosen]], [float(f"{v:.6g}") if math.isfinite(v) else str(v) for v in values]
    )


def keep(store: str | Path, proof: Proof) -> Proof:
    """Writes what the experiments have shown into the store of the run, and returns what it then holds.

    What an earlier proof of the run has decided stays, as far as the new one has not decided it again.

    Raises:
        StoreError: the store cannot be written.
    """
    proof = _with_earlier(proof, kept(store))
    secrets = Secrets(os.environ)
    for trial in proof.whole.trials:
        trial.message = secrets.text(trial.message)
    beside.keep(store, "proof", proof)
    return proof


def _with_earlier(proof: Proof, earlier: Proof | None) -> Proof:
    decided = {c: item for c, item in proof.experiments.items() if item.outcome != "undecided"}
    stays = {
        cause: item
        for cause, item in (earlier.experiments.items() if earlier is not None else ())
        if item.outcome != "undecided" and cause not in decided
    }
    if not stays:
        return proof
    told = ", ".join(f"{'proven' if item.outcome == 'confirmed' else 'refuted'}: {c}" for c, item in stays.items())
    whole = msgspec.structs.replace(proof.whole, text=f"{proof.whole.text} By an earlier proof of this run, {told}.")
    return Proof(whole, {**proof.experiments, **stays})


def kept(store: str | Path) -> Proof | None:
    """What experiments have shown of a recorded run; None when there were none."""
    return beside.kept(store, "proof", Proof)
