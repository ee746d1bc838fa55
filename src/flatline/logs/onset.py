"""How a sight began and what the log says beside it: the facts that speak for and against causes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flatline.causes.case import number
from flatline.logs.base import Log
from flatline.logs.recording import shown_losses
from flatline.logs.roles import Role
from flatline.record.recording import Floats
from flatline.symptoms.base import Symptom

# A number of a log at its rounding: ten units of the last digit, of which a single entry can still honestly fall to 0.
UNITS = 20.0
# A hundred times the loss of training: far beyond what other rows of the same kind differ by.
MEMORISED = 100.0
# Twice the first loss, as for the symptom rising-loss.
ROSE = 2.0
# What four decimals show as 0, as for the symptom near-zero-loss.
PRINTS_AS_ZERO = 5e-5
# GradScaler starts at 65,536 and halves the scale at each step that it skips; below 1 it has halved it 17 times over.
SCALE_GONE = 1.0


@dataclass(frozen=True)
class Fact:
    """One thing that a log shows: ``key`` is what the rules ask for, ``text`` says it with its numbers."""

    key: str
    text: str


class Onset:
    """A symptom in a log, with the entries that show it (``shown``, a bool for each).

    ``sight`` is what the rules call it: a loss that is constant and prints as 0 is to be explained like a zero.
    """

    def __init__(self, log: Log, symptom: Symptom, sight: str) -> None:
        self.log = log
        self.symptom = symptom
        self.sight = sight
        name = symptom.curve.name if symptom.curve is not None else ""
        losses = shown_losses(log)
        self.loss = next((s for s in losses if s.name.text == name), losses[0])
        self.values: Floats = np.array(self.loss.values)

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        shown: NDArray[np.bool_] = np.array(self.loss.steps) >= self.symptom.first_step
        if self.sight == "zero-loss":
            # A constant loss that prints as 0 is taken for one.
            shown = self.values == 0 if self.symptom.name == "zero-loss" else np.abs(self.values) < PRINTS_AS_ZERO
        elif self.sight == "non-finite-loss" and not np.isfinite(self.values).all():
            shown = ~np.isfinite(self.values)
        return shown

    @cached_property
    def facts(self) -> list[Fact]:
        """Everything that the log shows and the rules know."""
        found: list[Fact] = []
        found += self._beginning()
        found += self._gradient()
        found += self._rate()
        found += self._evaluation()
        found += self._scale()
        found += self._whole_epochs()
        found += self._terms()
        return found

    def beside(self, role: Role, evaluation: bool = False) -> tuple[str, Floats]:
        """The name and the values of a series of that role in the entries that show the symptom; of all its entries
        when the steps are others."""
        steps = set(np.array(self.loss.steps)[self.shown].tolist())
        best: tuple[str, Floats] = ("", np.zeros(0))
        for series in self.log.series.values():
            if series.name.role is not role or series.name.evaluation is not evaluation or not len(series):
                continue
            values = np.array(series.values)
            same = np.array([step in steps for step in series.steps])
            if not same.any():
                # Logged at other steps: those from the first on that shows it.
                same = np.array(series.steps) >= min(steps, default=0)
            if same.sum() > len(best[1]):
                best = series.name.text, values[same]
        return best

    # how it began ----------------------------------------------------------------------------------------------

    def _beginning(self) -> Iterable[Fact]:
        first = int(np.argmax(self.shown)) if self.shown.any() else 0
        step = self.loss.steps[first]
        if self.sight in ("constant-loss", "chance-plateau", "rising-loss", "nothing-moves"):
            return
        if first == 0:
            if covers := self._first_step():
                yield Fact("from-first-step", f"it is so from the first step on: {covers}")
        else:
            before = self.values[:first]
            last = float(before[-1])
            yield Fact(
                "later",
                f"{self.loss.name.text} was {number(float(before[0]))} first and {number(last)} just before step {step}",
            )
            sound = before[np.isfinite(before)]
            if len(sound):
                peak = float(sound.max())
                if sound[0] > 0 and peak > ROSE * sound[0]:
                    yield Fact("rose", f"before that it rose from {number(float(sound[0]))} to {number(peak)}")
                elif self.sight == "non-finite-loss":
                    yield Fact(
                        "did-not-rise",
                        f"it had not risen before that, {number(float(sound[0]))} to {number(float(sound[-1]))}",
                    )
            if self.sight == "zero-loss":
                key, how = ("decays", "down to") if last <= UNITS * self.loss.resolution else ("sudden", "at once from")
                yield Fact(key, f"it came {how} {number(last)}")
        if self.sight == "near-zero-loss" and self.values[0] > ROSE * abs(self.values[-1]):
            yield Fact("decays", f"it came down from {number(float(self.values[0]))} over {len(self.values)} entries")
        after = self.values[first:]
        if self.sight == "non-finite-loss" and not self.shown.all() and np.isfinite(after[-1]) and self.shown.any():
            yield Fact("recovers", f"it is a number again later, {number(float(after[-1]))} in the last entry")

    def _first_step(self) -> str:
        """What shows that the very first step was so already; empty when nothing does.

        A mean that is 0 had no other term; of a mean that is NaN one term may have been. Where every step is logged, a
        counter may begin at 0 or at 1; where some are left out, step 1 may be the second.
        """
        loss, zero = self.loss, abs(float(self.values[0])) < PRINTS_AS_ZERO
        if self.log.means and zero:
            return (
                f"it is the mean over all steps up to {loss.steps[0]}"
                if loss.counted
                else "it is the mean over all steps so far"
            )
        each = len(loss) > 1 and loss.steps[1] - loss.steps[0] == 1
        if loss.counted and (loss.steps[0] == 0 or (loss.steps[0] == 1 and each)):
            return f"the log begins at step {loss.steps[0]}"
        return ""

    # what stands beside it -------------------------------------------------------------------------------------

    def _gradient(self) -> Iterable[Fact]:
        name, values = self.beside(Role.GRADIENT_NORM)
        if not len(values):
            return
        of = f"{len(values)} entries beside it"
        if (values == 0).all():
            yield Fact("gradient-zero", f"{name} is exactly 0 in all {of}")
        elif (bad := int((~np.isfinite(values)).sum())) >= len(values) / 2:
            yield Fact("gradient-nan", f"{name} is NaN or infinite in {bad} of {of}")
        elif np.isfinite(values).all() and (values > 0).all():
            yield Fact(
                "gradient-positive", f"{name} is {number(float(np.median(values)))} in the middle of {of}, never 0"
            )
            third = max(1, len(values) // 3)
            if len(values) >= 6 and values[-third:].min() > values[:third].max():
                yield Fact(
                    "gradient-grows", f"{name} grows from {number(float(values[0]))} to {number(float(values[-1]))}"
                )

    def _rate(self) -> Iterable[Fact]:
        rates = [s for s in self.log.series.values() if s.name.role is Role.LEARNING_RATE and len(s)]
        if not rates:
            return
        most = max(max(series.values) for series in rates)
        if all(value == 0 for series in rates for value in series.values):
            yield Fact("rate-zero", f"{rates[0].name.text} is 0 in every entry")
        elif most > 0:
            yield Fact("rate-positive", f"{rates[0].name.text} reaches {number(most)}")

    def _evaluation(self) -> Iterable[Fact]:
        if self.loss.name.evaluation or self.sight not in ("zero-loss", "near-zero-loss", "non-finite-loss"):
            return
        name, values = self.beside(Role.LOSS, evaluation=True)
        if not len(values):
            return
        last, training = float(values[-1]), abs(float(self.values[-1]))
        if not math.isfinite(last):
            yield Fact("evaluation-nan", f"{name} is {last} there")
        elif self.sight == "near-zero-loss":
            # A fit that holds for new rows has a loss of the same size on them.
            high = last > MEMORISED * max(training, self.loss.resolution)
            yield Fact("evaluation-high" if high else "evaluation-low", f"{name} ends at {number(last)}")
        elif (np.abs(values) < PRINTS_AS_ZERO).all():
            yield Fact("evaluation-zero", f"{name} is {number(last)} as well")
        elif (values[np.isfinite(values)] > 0).all():
            yield Fact("evaluation-positive", f"{name} is {number(last)} there")

    def _scale(self) -> Iterable[Fact]:
        name, values = self.beside(Role.LOSS_SCALE)
        if len(values):
            gone = float(values[-1]) < SCALE_GONE
            what = "is down to" if gone else "ends at"
            yield Fact("scale-gone" if gone else "scale-kept", f"{name} {what} {number(float(values[-1]))}")

    def _whole_epochs(self) -> Iterable[Fact]:
        epochs = [epoch for epoch in self.loss.epochs if not math.isnan(epoch)]
        if (
            self.log.means
            and len(epochs) > 1
            and len(set(epochs)) == len(epochs)
            and all(epoch.is_integer() for epoch in epochs)
        ):
            yield Fact("whole-epochs", "each entry is the mean over an epoch")

    def _terms(self) -> Iterable[Fact]:
        name, spread = self.beside(Role.REWARD_SPREAD)
        if len(spread):
            equal = bool((spread == 0).all())
            say = (
                "0: all rewards of a group are equal"
                if equal
                else f"{number(float(np.median(spread)))}: rewards differ"
            )
            yield Fact("rewards-equal" if equal else "rewards-differ", f"{name} is {say}")
        parts = {s.name.part.lower() for s in self.log.series.values() if s.name.role is Role.LOSS and s.name.part}
        if parts & {"kl", "kld", "kl_div", "kl_divergence"}:
            yield Fact("kl-term", "the log has a term for the Kullback-Leibler divergence")
        if len(parts & {"d", "g", "gen", "disc", "generator", "discriminator", "critic"}) >= 2:
            yield Fact("two-players", "the log has a loss for each of two networks")
        if self.loss.name.part in ("triplet", "contrastive", "margin", "info_nce", "infonce", "ntxent", "simclr"):
            yield Fact("contrast", f"the loss is called {self.loss.name.text}")
        elif "ctc" in self.loss.name.part.split("_"):
            yield Fact("ctc", f"the loss is called {self.loss.name.text}")
