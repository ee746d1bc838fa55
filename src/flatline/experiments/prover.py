"""Proves causes of one recorded run, or refutes them: plans, runs and judges until it is decided."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import msgspec

from flatline.causes.base import Cause, Decision, Experiment, Found, Judgement, Outcome, Untested
from flatline.causes.case import Case
from flatline.causes.decisions import decide_all
from flatline.experiments.judging import Effect, judge, main_symptom, names, symptom_gone, usable
from flatline.experiments.length import steps_needed
from flatline.experiments.planner import Candidate, decided, in_order, same_trial
from flatline.experiments.proof import ExperimentItem, Proof, ProofItem, curve_item
from flatline.experiments.replication import Replication, Seeds
from flatline.experiments.runner import Runner
from flatline.experiments.runs import CONTROL, Audience, OutOfBudget, Run, Runs, Silence, Wanted, other_seed
from flatline.experiments.statistics import SIGNIFICANT, holm, share_interval
from flatline.experiments.trial import TrialRequest
from flatline.record.recording import Recording
from flatline.symptoms.base import find_all

# To say how often a symptom shows that did not show again.
SEEDS = 5
# Changes that are themselves a draw: further seeds of them need no control of their own.
_RANDOM = {"seed", "initialisation"}


class Prover:
    """The experiments on one run.

    Args:
        recording: the run that is to be explained.
        template: how the program is started again.
        runner: where trials run.
        known: the causes.
        seconds: wall time for all of it; None for no limit.
        most: how many trials there may be.
        audience: who is told how it goes.
        seeds: under how many seeds a proof is made in which chance may play a part; see
            :class:`flatline.experiments.replication.Seeds`.
    """

    def __init__(
        self,
        recording: Recording,
        template: TrialRequest,
        runner: Runner,
        known: dict[str, Cause],
        seconds: float | None = None,
        most: int = 30,
        audience: Audience | None = None,
        seeds: int | None = None,
    ) -> None:
        self._seeds = Seeds(seeds, runner.parallel)
        self._original = Case(recording, find_all(recording))
        self._runner = runner
        self._known = known
        self._runs = Runs(template, runner, seconds, most, audience or Silence())
        self._length = steps_needed(recording)
        self._candidates: list[Candidate] = []
        self._items: dict[str, ExperimentItem] = {}
        self._shown = (0, 0)

    def prove(self) -> Proof:
        """Runs the experiments. Ctrl-C ends them; what is decided until then stays."""
        began = time.monotonic()
        stopped, reproduced, text = "", True, ""
        self._candidates = self._survivors()
        if not self._candidates:
            return self._proof(True, "No cause is left that an experiment could test.", "", began)
        try:
            text = self._control_fails()
            if text:
                reproduced = False
            while not text and not decided(self._candidates):
                self._round()
                if decided(self._candidates):
                    # What further seeds take back leaves room for another cause.
                    self._replicate()
        except OutOfBudget as limit:
            stopped = str(limit)
        except KeyboardInterrupt:
            stopped = "interrupted"
        self._correct()
        if self._runs.refused and not any(i.outcome != "undecided" for i in self._items.values()):
            reproduced, text = False, self._runs.refused
        return self._proof(reproduced, text or self._told(stopped), stopped, began)

    # what is tested ----------------------------------------------------------------------------------------------

    def _survivors(self) -> list[Candidate]:
        """Causes that are found at any level, or could not be decided, and that have experiments."""
        survivors = []
        for name, decisions in decide_all(self._original, self._known)[0].items():
            found = sorted((d for d in decisions if isinstance(d, Found)), key=lambda d: (d.level.rank, -d.confidence))
            alive: list[Decision] = [*found, *(d for d in decisions if isinstance(d, Untested))]
            if not alive:
                continue
            try:
                experiments = self._known[name].experiments(self._original, alive[0])
            except Exception:
                # A cause that cannot say how to prove itself stays at its level.
                continue
            if experiments:
                survivors.append(Candidate(name, alive[0], list(experiments)))
        if not self._original.symptoms and not any(c.suspected for c in survivors):
            # Nothing is wrong: there is nothing to explain.
            return []
        return survivors

    def _steps(self, experiment: Experiment) -> int | None:
        steps = self._length if experiment.steps is None else experiment.steps
        return steps if steps is not None and steps < self._original.recording.steps else None

    def _wanted(self, experiment: Experiment) -> tuple[Wanted, list[Wanted], list[Wanted]]:
        """The control, the trials, and the untouched runs under the further seeds."""
        steps, seeds = self._steps(experiment), range(max(1, experiment.seeds))
        trials = [Wanted(experiment.asks, [*experiment.changes, *other_seed(k)], steps) for k in seeds]
        trials += [Wanted(experiment.asks, changes, steps) for changes in experiment.also]
        drawn = not experiment.changes or any(c.name in _RANDOM for c in experiment.changes)
        chance = len(seeds) > 1 and not drawn
        others = [Wanted(CONTROL, other_seed(k), steps) for k in seeds if k] if chance else []
        return Wanted(CONTROL, [], steps), trials, others

    def _all_wanted(self, experiment: Experiment) -> list[Wanted]:
        control, trials, others = self._wanted(experiment)
        return [control, *trials, *others]

    def _cost(self, experiment: Experiment) -> float:
        whole = max(1, self._original.recording.steps)
        return float(sum(w.steps or whole for w in self._runs.missing(self._all_wanted(experiment))))

    # runs --------------------------------------------------------------------------------------------------------

    def _control_fails(self) -> str:
        """Makes the control, with the first trial beside it. Says in words why nothing can be proven, if so."""
        first = in_order(self._candidates, self._cost)[0].next
        control, trials, _ = self._wanted(first)
        self._runs.make([control, *trials[: max(0, self._runner.parallel - 1)]])
        run = self._runs[control]
        self._shown = (int(self._reproduces(run)), 1)
        if self._shown[0]:
            return ""
        if reason := usable(run, self._original):
            return f"Nothing could be tested: the untouched program did not run again as it did before ({reason})."
        main = main_symptom(self._expected(control.steps))
        again = [Wanted(CONTROL, other_seed(k), control.steps) for k in range(1, SEEDS)]
        try:
            self._runs.make(again)
        except OutOfBudget:
            again = []
        shown = sum(self._reproduces(self._runs[w]) for w in again)
        self._shown = (shown, len(again) + 1)
        low, high = share_interval(*self._shown)
        return (
            f"Not reproducible: the untouched program did not show {main or 'the fault'} again; it did in "
            f"{shown} of {len(again) + 1} runs with different seeds (95% sure: in {low:.0%} to {high:.0%} of all)."
        )

    def _expected(self, steps: int | None) -> set[str]:
        """The symptoms that a run of that length should show again."""
        if steps is None:
            return names(self._original)
        return {s.name for s in find_all(self._original.recording.until(steps))}

    def _reproduces(self, run: Run) -> bool:
        if usable(run, self._original) or run.case is None:
            return False
        main = main_symptom(self._expected(run.wanted.steps))
        return main is None or main in names(run.case)

    def _round(self) -> None:
        """Runs what should come next, as much as runs at a time, and judges what can be judged then."""
        order = in_order(self._candidates, self._cost)
        wanted: list[Wanted] = []
        for candidate in order:
            wanted += self._all_wanted(candidate.next)
            if len(self._runs.missing(wanted)) >= self._runner.parallel:
                break
        self._runs.make(wanted)
        first = order[0].next
        for candidate in order:
            if same_trial(candidate.next, first) or not self._runs.missing(self._all_wanted(candidate.next)):
                self._judge(candidate)

    # judgement ---------------------------------------------------------------------------------------------------

    def _judge(self, candidate: Candidate) -> None:
        experiment = candidate.next
        wanted = self._wanted(experiment)
        control, trials, others = self._runs[wanted[0]], [self._runs[w] for w in wanted[1]], wanted[2]
        if self._steps(experiment) is not None and not self._seen(candidate, control):
            # Nor is it in the first steps that measurements find every fault.
            candidate.experiments[candidate.tried] = replace(experiment, steps=self._original.recording.steps)
            return
        judgement, effect = self._judgement(candidate, control, trials, [self._runs[w] for w in others])
        if self._too_short(experiment, judgement, control, trials[0]):
            # What a few steps leave open, the whole run may tell.
            candidate.experiments[candidate.tried] = replace(experiment, steps=self._original.recording.steps)
            return
        candidate.tried += 1
        candidate.outcome = judgement.outcome
        item = self._item(experiment, judgement, control, trials, effect)
        if candidate.cause not in self._items or judgement.outcome is not Outcome.UNDECIDED:
            self._items[candidate.cause] = item

    def _judgement(
        self, candidate: Candidate, control: Run, trials: list[Run], others: list[Run]
    ) -> tuple[Judgement, Effect | None]:
        if not self._reproduces(control):
            return Judgement(Outcome.UNDECIDED, "the control did not show the symptom again"), None
        if not self._seen(candidate, control):
            return Judgement(Outcome.UNDECIDED, "the control was not seen to have this fault"), None
        return judge(candidate.next, self._original, control, trials, others)

    def _seen(self, candidate: Candidate, control: Run) -> bool:
        """Where no symptom shows, the measurements themselves must say the same of the control."""
        if control.case is None or control.case.symptoms:
            return True
        known = {candidate.cause: self._known[candidate.cause]}
        again = decide_all(control.case, known)[0].get(candidate.cause, [])
        return any(isinstance(decision, type(candidate.decision)) for decision in again)

    def _too_short(self, experiment: Experiment, judgement: Judgement, control: Run, trial: Run) -> bool:
        if experiment.steps is not None or self._steps(experiment) is None or judgement.outcome is Outcome.REFUTED:
            return False
        if judgement.outcome is Outcome.UNDECIDED:
            return control.case is not None and trial.case is not None and not usable(trial, self._original)
        return control.case is None or trial.case is None or not symptom_gone(control.case, trial.case)

    def _item(
        self, experiment: Experiment, judgement: Judgement, control: Run, trials: list[Run], effect: Effect | None
    ) -> ExperimentItem:
        changes: list[dict[str, Any]] = [msgspec.to_builtins(change) for change in experiment.changes]
        item = ExperimentItem(
            experiment.asks,
            changes,
            judgement.outcome.value,
            judgement.text,
            judgement.control,
            judgement.trial,
            curve_item(control.case) if control.case is not None else None,
            curve_item(trials[0].case) if trials[0].case is not None else None,
            sorted(names(control.case)) if control.case is not None else [],
            sorted(names(trials[0].case)) if trials[0].case is not None else [],
            self._steps(experiment),
            seeds=max(1, experiment.seeds),
            seconds=round(sum(run.result.seconds for run in trials), 3),
        )
        if effect is not None:
            item.control_shown, item.control_runs = effect.control_shown, effect.control_runs
            item.trial_shown, item.trial_runs = effect.trial_shown, effect.trial_runs
            item.p_value = effect.p_value
        return item

    def _correct(self) -> None:
        """Corrects the tests for their number; an effect that chance explains proves nothing."""
        tested = [item for item in self._items.values() if item.p_value is not None]
        for item, p_value in zip(tested, holm([item.p_value for item in tested if item.p_value is not None])):
            item.p_value = round(p_value, 6)
            if item.outcome == Outcome.CONFIRMED.value and p_value >= SIGNIFICANT:
                item.outcome = Outcome.UNDECIDED.value
                item.text += f" Chance alone would do that too (p = {p_value:.2g}): more seeds would tell."

    def _replicate(self) -> None:
        """Makes proofs in which chance may play a part again under further seeds, as far as that may take."""
        confirmed = [c for c in self._candidates if c.outcome is Outcome.CONFIRMED]
        proofs = []
        for candidate in confirmed:
            experiment = candidate.experiments[candidate.tried - 1]
            control, trials, _ = self._wanted(experiment)
            made = self._runs[control], [self._runs[w] for w in trials]
            proofs.append(Replication(self._items[candidate.cause], experiment, self._steps(experiment), *made))
        doubted = self._seeds.repeat(proofs, self._runs, self._original, self._reproduces)
        for candidate, doubt in zip(confirmed, doubted):
            candidate.outcome = Outcome.UNDECIDED if doubt else candidate.outcome

    # result ------------------------------------------------------------------------------------------------------

    def _told(self, stopped: str) -> str:
        outcomes = {name: item.outcome for name, item in self._items.items()}
        parts = []
        for outcome, word in (("confirmed", "proven"), ("refuted", "refuted"), ("undecided", "left open")):
            chosen = [name for name, o in outcomes.items() if o == outcome]
            if chosen:
                parts.append(f"{word}: {', '.join(chosen)}")
        text = f"{len(self._runs.items)} runs; {'; '.join(parts) or 'nothing was decided'}."
        return text + (f" Stopped: {stopped}." if stopped else "")

    def _proof(self, reproduced: bool, text: str, stopped: str, began: float) -> Proof:
        shown, runs = self._shown
        seconds = round(time.monotonic() - began, 3)
        return Proof(ProofItem(reproduced, text, shown, runs, seconds, stopped, self._runs.items), self._items)
