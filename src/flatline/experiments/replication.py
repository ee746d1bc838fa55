"""A proof under further seeds: whether what the run showed is the program's, or that of one draw of random numbers.

The program's own seed has chosen the experiment: its run showed the symptom, and its trial the contrast. So it counts for
nothing here. Each further seed gives a control and its trials, which draw the same numbers, and the cause judges them as it
judged the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from flatline.causes.base import Experiment, Outcome
from flatline.causes.case import Case, number
from flatline.causes.judging import last, same_course
from flatline.experiments.judging import judge, main_symptom, names, symptom_gone, usable
from flatline.experiments.proof import ExperimentItem
from flatline.experiments.runs import CONTROL, Run, Runs, Wanted, other_seed
from flatline.experiments.statistics import SIGNIFICANT, effect_p_value, rank_p_value, sign_p_value

# Facts about every step, not numbers that happen to be small: arithmetic makes them, and no draw unmakes them.
_FACTS = {"reported-differs", "empty-epoch", "nothing-moves", "constant-loss"}
# The same holds for these where they show before the first update.
_FACTS_AT_FIRST = {"zero-loss", "non-finite-loss"}
# What further seeds may take where nobody named a limit: their answer is surer, but hardly ever another one.
PATIENCE = 120.0


def exact(control: Case) -> bool:
    """Whether chance has no part in what the control shows, so that one pair of runs is an exact argument.

    A loss of exactly 0, or one that is not finite, before any update; a loss that never changes; weights that never move;
    an epoch without batches; a printed number that is not the loss.
    """
    main = main_symptom(names(control))
    if main in _FACTS_AT_FIRST:
        return any(s.name == main and s.first_step == 0 for s in control.symptoms)
    return main in _FACTS


def seeds_needed(tests: int) -> int:
    """Further seeds with which a contrast that always holds is significant among so many tests: 2^-n < 0.05 / tests.

    >>> seeds_needed(1), seeds_needed(3)
    (5, 6)
    """
    return max(1, math.ceil(math.log2(max(1, tests) / SIGNIFICANT)))


# With the program's own.
FEWEST = 1 + seeds_needed(1)


class Replication:
    """One confirmed experiment, to be repeated.

    Args:
        item: what is told of it.
        experiment: as it was judged.
        steps: how long its runs are.
        control: the untouched run under the program's own seed.
        trials: those with the change.
    """

    def __init__(
        self, item: ExperimentItem, experiment: Experiment, steps: int | None, control: Run, trials: list[Run]
    ) -> None:
        self.item, self._experiment, self._steps = item, experiment, steps
        self._control, self._trials = control, trials

    @property
    def due(self) -> bool:
        """Whether chance may play a part, and no further seed was run yet."""
        control = self._control.case
        return self.item.seeds == 1 and not self.item.over_seeds and control is not None and not exact(control)

    def wanted(self, seed: int) -> list[Wanted]:
        """The runs under one seed, the control first."""
        asks, seeded = self._experiment.asks, other_seed(seed)
        arms = [self._experiment.changes, *self._experiment.also]
        return [Wanted(CONTROL, seeded, self._steps), *(Wanted(asks, [*arm, *seeded], self._steps) for arm in arms)]

    def missing(self, runs: Runs, seeds: range) -> list[Wanted]:
        return runs.missing([w for seed in seeds for w in self.wanted(seed)])

    @property
    def seconds(self) -> float:
        """What one run takes."""
        return float(np.mean([run.result.seconds for run in (self._control, *self._trials)]))

    def repeat(self, runs: Runs, seeds: range, original: Case, reproduces: Callable[[Run], bool]) -> None:
        """Makes the runs and writes into the item what they show.

        Raises:
            flatline.experiments.runs.OutOfBudget: there are to be no more runs.
        """
        first = self.wanted(1)
        runs.make(first)
        if self._same(runs[first[0]]):
            self.item.over_seeds = "Another seed changes nothing in this program."
            return
        runs.make([w for seed in seeds for w in self.wanted(seed)])
        made = [(runs[w[0]], [runs[one] for one in w[1:]]) for w in map(self.wanted, seeds)]
        pairs = [(c, t) for c, t in made if not any(usable(run, original) for run in (c, t[0]))]
        if not pairs:
            self.item.over_seeds = "No run under another seed could be judged."
            return
        main = main_symptom(names(self._control.case)) if self._control.case is not None else None
        shown, held, still = [], [], []
        for control, trials in pairs:
            judgement, _ = judge(self._experiment, original, control, trials, [])
            shown.append(reproduces(control))
            held.append(judgement.outcome is Outcome.CONFIRMED)
            still.append(trials[0].case is not None and main in names(trials[0].case))
        self._tell(shown, held, still, [(c.case, t[0].case) for c, t in pairs])

    def _same(self, control: Run) -> bool:
        one, other = (run.case.curve if run.case is not None else None for run in (self._control, control))
        return one is not None and other is not None and np.array_equal(one.values, other.values, equal_nan=True)

    def _tell(
        self, shown: list[bool], held: list[bool], still: list[bool], cases: list[tuple[Case | None, Case | None]]
    ) -> None:
        item = self.item
        item.held, item.pairs, item.seeds = sum(held), len(held), 1 + len(held)
        item.control_runs = item.trial_runs = len(held)
        item.control_shown, item.trial_shown = sum(shown), sum(still)
        losses = [(last(c), last(t)) for c, t in cases if c is not None and t is not None]
        item.p_value = self._p_value(shown, held, still, losses)
        without, with_it = (_spread([pair[side] for pair in losses]) for side in (0, 1))
        item.over_seeds = (
            f"Under {len(held)} further seeds the untouched program shows it in {sum(shown)}, and the contrast holds in "
            f"{sum(held)}; last loss {without} without the change, {with_it} with it."
        )

    def _p_value(
        self, shown: list[bool], held: list[bool], still: list[bool], losses: list[tuple[float, float]]
    ) -> float:
        """From the test that fits the contrast; the pair under the program's own seed, which is not tested, says which."""
        control, trial = self._control.case, self._trials[0].case
        if control is not None and trial is not None:
            if not same_course(control, trial):
                before, after = last(control), last(trial)
                lower = not math.isfinite(before) or after < before
                return rank_p_value([c for c, _ in losses], [t for _, t in losses], lower)
            if symptom_gone(control, trial):
                return effect_p_value(shown, still)
        return sign_p_value(sum(held), len(held))


class Seeds:
    """Under how many seeds proofs are repeated, and how long that may take.

    Args:
        seeds: with the program's own; 1 for no more than that; None for as many as the tests need, as far as they take no
            longer than ``PATIENCE`` or, with a limit of time, what is left of it.
        parallel: how many runs there are at a time.

    Raises:
        ValueError: so few seeds that no result could be significant.
    """

    def __init__(self, seeds: int | None, parallel: int) -> None:
        if seeds is not None and 1 < seeds < FEWEST:
            raise ValueError(f"seeds: 1, or at least {FEWEST}; with fewer, no result could be told from chance")
        self._seeds, self._parallel = seeds, parallel

    def repeat(
        self, proofs: list[Replication], runs: Runs, original: Case, reproduces: Callable[[Run], bool]
    ) -> list[bool]:
        """Repeats the proofs that are due; says of each whether chance would do as much.

        Raises:
            flatline.experiments.runs.OutOfBudget: there are to be no more runs.
        """
        due = [proof for proof in proofs if proof.due]
        seeds = range(1, (seeds_needed(len(due)) if self._seeds is None else self._seeds - 1) + 1)
        for proof in due if seeds else []:
            missing = len(proof.missing(runs, seeds))
            takes = missing * proof.seconds / max(1, self._parallel)
            left = runs.seconds_left
            patience = left if left is not None else PATIENCE if self._seeds is None else takes
            if missing > runs.left or takes > patience:
                proof.item.over_seeds = (
                    f"Shown under one seed; {len(seeds)} more would take {missing} runs, about {takes:.0f} s (--seeds)."
                )
                continue
            proof.repeat(runs, seeds, original, reproduces)
        return [p.item.p_value is not None and p.item.p_value >= SIGNIFICANT for p in proofs]


def _spread(values: list[float]) -> str:
    """The median, least and greatest of numbers some of which are not finite."""
    finite = sorted(v for v in values if math.isfinite(v))
    if len(finite) < len(values):
        return f"not finite in {len(values) - len(finite)} of {len(values)}"
    return f"{number(float(np.median(finite)))} ({number(finite[0])} to {number(finite[-1])})" if finite else "unknown"
