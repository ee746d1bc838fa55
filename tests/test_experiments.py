"""What experiments decide: the plan, the control, the guard, the statistics. Runs are made by hand, no program runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Judgement, Level, Outcome, Untested
from flatline.causes.case import Case
from flatline.changes import Change
from flatline.environment import Program
from flatline.experiments.length import steps_needed
from flatline.experiments.planner import Candidate, decided, in_order
from flatline.experiments.proof import Proof, curve_item
from flatline.experiments.prover import Prover
from flatline.experiments.runner import Told
from flatline.experiments.runs import Run, Wanted
from flatline.experiments.statistics import effect_p_value, holm, share_interval
from flatline.experiments.trial import Limits, Status, TrialRequest, TrialResult
from flatline.observe import events as e
from flatline.record.recording import Recording
from flatline.symptoms.base import find_all
from recordings import Tape

ZERO, FINE = [0.0] * 400, [1.0 - 0.002 * n for n in range(400)]
LOWER = Change("learning-rate", {"factor": 0.1})
OTHER = Change("precision", {})
SAME_SEED = Change("seed", {"offset": 0, "start": 0})


# what a run would give -----------------------------------------------------------------------------------------

Losses = Callable[[TrialRequest], "Sequence[float] | TrialResult"]


@dataclass
class Bench:
    """A runner that makes runs by hand: ``losses`` says what the program's loss is under a request."""

    losses: Losses
    parallel: int = 2
    unmade: bool = False
    takes: float = 1.0
    silent: set[str] = field(default_factory=set)
    requests: list[TrialRequest] = field(default_factory=list)

    def run(self, requests: Sequence[TrialRequest], told: Told | None = None) -> list[TrialResult]:
        # Where the program sets no seed, all runs get the same: it is in every request.
        assert all(any(c.name == "seed" for c in r.changes) for r in requests)
        requests = [structs.replace(r, changes=[c for c in r.changes if c != SAME_SEED]) for r in requests]
        self.requests += requests
        results = []
        for index, request in enumerate(requests):
            given = self.losses(request)
            result = given if isinstance(given, TrialResult) else TrialResult(Status.FINISHED, seconds=self.takes)
            if not isinstance(given, TrialResult):
                result.record = self.tape(list(given)[: request.steps], request).store()
            results.append(result)
            if told is not None:
                told(index, result)
        return results

    def tape(self, losses: list[float], request: TrialRequest) -> Tape:
        tape = Tape()
        tape.train(losses)
        if not self.unmade:
            tape.add(
                *(
                    e.Intervened(tape.now(), tape.step, change.name, 1)
                    for change in request.changes
                    if change.name not in self.silent
                )
            )
        return tape

    def close(self) -> None:
        pass


def offset(request: TrialRequest) -> int:
    return next((int(c.arguments["offset"]) for c in request.changes if c.name == "seed"), 0)


def changed(request: TrialRequest, name: str = "learning-rate") -> bool:
    return any(c.name == name for c in request.changes)


def made(
    name: str,
    experiments: list[Experiment],
    decision: Decision | None,
) -> Cause:
    class Made(Cause):
        row: ClassVar[str] = "T1"
        title: ClassVar[str] = "the title"

        def decide(self, case: Case) -> Decision | None:
            return decision

        def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
            return experiments

    Made.name = name
    return Made()


def found(level: Level = Level.LIKELY, confidence: float = 0.9) -> Found:
    return Found(level, confidence, None, [Evidence("what", "3")], "Do this.")


def gone(control: Case, trials: list[Case]) -> Judgement:
    """Confirmed when no trial has a zero loss, refuted when all have."""
    shown = [t.has("zero-loss") for t in trials]
    outcome = Outcome.REFUTED if all(shown) else Outcome.UNDECIDED if any(shown) else Outcome.CONFIRMED
    return Judgement(outcome, f"zero in {sum(shown)} of {len(shown)}", "0", "1")


def experiment(*changes: Change, seeds: int = 1, steps: int | None = None, judge: object = gone) -> Experiment:
    asks = f"is it zero with {', '.join(c.name for c in changes)}?"
    return Experiment(asks, list(changes), judge, seeds, steps)  # type: ignore[arg-type]


def prove(
    bench: Bench,
    *causes: Cause,
    losses: Sequence[float] = ZERO,
    seconds: float | None = None,
    most: int = 30,
    seeds: int | None = 1,
) -> Proof:
    tape = Tape()
    tape.train(losses)
    template = TrialRequest(Program(["python3"], False, ["train.py"]), "/", {}, limits=Limits(100.0))
    known = {cause.name: cause for cause in causes}
    return Prover(tape.recording(), template, bench, known, seconds, most, seeds=seeds).prove()


def outcomes(proof: Proof) -> dict[str, str]:
    return {name: item.outcome for name, item in proof.experiments.items()}


# control and trial ---------------------------------------------------------------------------------------------


def test_a_symptom_that_goes_with_the_change_confirms() -> None:
    bench = Bench(lambda r: FINE if changed(r) else ZERO)
    proof = prove(bench, made("rate", [experiment(LOWER)], found()))
    item = proof.experiments["rate"]
    assert proof.whole.reproduced and (proof.whole.control_shown, proof.whole.control_runs) == (1, 1)
    assert item.outcome == "confirmed" and "proven: rate" in proof.whole.text
    assert item.symptoms_in_control == ["zero-loss"] and "zero-loss" not in item.symptoms_in_trial
    assert item.control is not None and set(item.control.values) == {0.0}
    assert item.trial is not None and item.trial.values[0] == 1.0
    assert (item.control_shown, item.trial_shown, item.p_value) == (1, 0, None)
    assert [bool(r.changes) for r in bench.requests] == [False, True]


def test_a_symptom_that_stays_refutes() -> None:
    proof = prove(Bench(lambda r: ZERO), made("rate", [experiment(LOWER)], found()))
    assert outcomes(proof) == {"rate": "refuted"}


def test_a_control_without_the_symptom_proves_nothing_and_says_how_often_it_shows() -> None:
    bench = Bench(lambda r: ZERO if offset(r) in (1, 3) and not changed(r) else FINE)
    proof = prove(bench, made("rate", [experiment(LOWER)], found()))
    assert not proof.whole.reproduced and proof.experiments == {}
    assert (proof.whole.control_shown, proof.whole.control_runs) == (2, 5)
    assert "Not reproducible" in proof.whole.text and "zero-loss" in proof.whole.text
    assert "2 of 5" in proof.whole.text and "5% to 85%" in proof.whole.text


@pytest.mark.parametrize("status", [Status.CRASHED, Status.KILLED, Status.TIMED_OUT, Status.OUT_OF_MEMORY])
def test_a_control_that_fails_proves_nothing(status: Status) -> None:
    record = Bench(lambda r: ZERO).tape(ZERO, TrialRequest(Program([], False, []), "", {})).store()
    for left in (b"", record):
        bench = Bench(lambda r, left=left: FINE if changed(r) else TrialResult(status, "why", record=left))  # type: ignore[misc]
        proof = prove(bench, made("rate", [experiment(LOWER)], found()))
        assert not proof.whole.reproduced and proof.experiments == {} and "why" in proof.whole.text


@pytest.mark.parametrize("status", [Status.CRASHED, Status.KILLED, Status.TIMED_OUT, Status.OUT_OF_MEMORY])
def test_a_trial_that_fails_leaves_its_cause_open_and_the_others_are_experiment(status: Status) -> None:
    def losses(request: TrialRequest) -> Sequence[float] | TrialResult:
        if changed(request):
            return TrialResult(status, "why", record=Bench(lambda r: FINE).tape(FINE, request).store())
        return FINE if request.changes else ZERO

    proof = prove(
        Bench(losses),
        made("rate", [experiment(LOWER)], found()),
        made("other", [experiment(OTHER)], found(confidence=0.6)),
    )
    assert outcomes(proof) == {"rate": "undecided", "other": "confirmed"}
    assert "why" in proof.experiments["rate"].text
    assert any(t.status == status.value and t.message == "why" for t in proof.whole.trials)


def test_an_end_that_the_program_had_itself_is_no_fault_of_the_trial() -> None:
    def tape(losses: Sequence[float]) -> Tape:
        tape = Tape()
        tape.train(losses)
        tape.add(e.RunEnded(tape.now(), tape.step, "AssertionError", "loss is 0", None))
        return tape

    def losses(request: TrialRequest) -> TrialResult:
        made_tape = tape(FINE if request.changes else ZERO)
        made_tape.add(*(e.Intervened(1, 1, c.name, 1) for c in request.changes))
        return TrialResult(Status.CRASHED, "AssertionError", record=made_tape.store())

    template = TrialRequest(Program([], False, []), "/", {})
    known = {"rate": made("rate", [experiment(LOWER, steps=400)], found())}
    proof = Prover(tape(ZERO).recording(), template, Bench(losses), known).prove()
    assert outcomes(proof) == {"rate": "confirmed"}


def test_a_change_that_was_not_made_proves_nothing() -> None:
    """A judge would take the same curve under permuted labels for a proof that they carry nothing."""

    def always(control: Case, trials: list[Case]) -> Judgement:
        return Judgement(Outcome.CONFIRMED, "")

    proof = prove(Bench(lambda r: ZERO, unmade=True), made("rate", [experiment(LOWER, judge=always)], found()))
    assert outcomes(proof) == {"rate": "undecided"} and "learning-rate" in proof.experiments["rate"].text


def test_a_change_that_failed_in_the_program_proves_nothing() -> None:
    class Failing(Bench):
        def tape(self, losses: list[float], request: TrialRequest) -> Tape:
            tape = super().tape(losses, request)
            if request.changes:
                tape.add(e.ProbeFailed("intervention learning-rate", "ValueError: no"))
            return tape

    proof = prove(Failing(lambda r: FINE if r.changes else ZERO), made("rate", [experiment(LOWER)], found()))
    assert outcomes(proof) == {"rate": "undecided"} and "ValueError: no" in proof.experiments["rate"].text


def test_a_judge_that_fails_costs_its_cause_only() -> None:
    def broken(control: Case, trials: list[Case]) -> Judgement:
        raise ZeroDivisionError("no rows")

    bench = Bench(lambda r: FINE if r.changes else ZERO)
    proof = prove(bench, made("a", [experiment(LOWER, judge=broken)], found()), made("b", [experiment(OTHER)], found()))
    assert outcomes(proof) == {"a": "undecided", "b": "confirmed"}
    assert "ZeroDivisionError: no rows" in proof.experiments["a"].text


def test_without_a_symptom_the_control_must_be_found_to_have_the_fault() -> None:
    """A fault that no curve shows: the measurements of the control take the place of the symptom."""
    rising = [2.0 - 0.004 * n for n in range(400)]

    class Seen(Cause):
        name = "seen"
        row = "T1"
        title = "t"
        once: ClassVar[bool] = False
        asked = 0

        def decide(self, case: Case) -> Decision | None:
            self.asked += 1
            return None if self.once and self.asked > 1 else found()

        def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
            return [experiment(LOWER, judge=lambda control, trials: Judgement(Outcome.CONFIRMED, ""))]

    assert not find_all(_recording(rising))
    again = Seen()
    assert outcomes(prove(Bench(lambda r: rising), again, losses=rising)) == {"seen": "confirmed"}
    once = Seen()
    once.once = True  # type: ignore[misc]
    assert outcomes(prove(Bench(lambda r: rising), once, losses=rising)) == {"seen": "undecided"}


def test_each_length_has_a_control_that_must_show_the_symptom() -> None:
    """Shown again in a short run, and not in the longer one that another experiment needs."""
    bench = Bench(lambda r: FINE if changed(r) or r.steps == 300 else ZERO)
    proof = prove(
        bench,
        made("rate", [experiment(LOWER, steps=300)], found(confidence=0.6)),
        made("other", [experiment(OTHER, steps=10)], found()),
    )
    assert proof.whole.reproduced and outcomes(proof) == {"other": "refuted", "rate": "undecided"}
    assert "the control did not show the symptom again" in proof.experiments["rate"].text


def test_measurements_that_need_the_whole_run_get_it() -> None:
    """A fault that no curve shows, and that is not found in the few steps that its experiment asks for."""
    falling = [2.0 - 0.004 * n for n in range(400)]

    class Late(Cause):
        name = "late"
        row = "T1"
        title = "t"

        def decide(self, case: Case) -> Decision | None:
            return found() if case.curve is not None and len(case.curve) > 100 else None

        def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
            return [experiment(LOWER, judge=lambda control, trials: Judgement(Outcome.CONFIRMED, ""), steps=10)]

    bench = Bench(lambda r: falling)
    assert outcomes(prove(bench, Late(), losses=falling)) == {"late": "confirmed"}
    assert [r.steps for r in bench.requests] == [10, 10, None, None]


# plan ----------------------------------------------------------------------------------------------------------


def test_nothing_is_run_when_nothing_is_wrong_or_can_be_experiment() -> None:
    bench = Bench(lambda r: FINE)
    assert prove(bench, made("fits", [experiment(LOWER)], found(Level.POSSIBLE)), losses=FINE).whole.trials == []
    assert prove(bench, made("none", [], found())).whole.trials == []
    assert prove(bench, made("no bearing", [experiment(LOWER)], None)).whole.trials == []
    assert bench.requests == []


def test_likely_causes_come_first_and_the_others_only_while_nothing_is_proven() -> None:
    def causes() -> tuple[Cause, Cause, Cause]:
        return (
            made("fits", [experiment(OTHER)], found(Level.POSSIBLE)),
            made("unmeasured", [experiment(Change("targets", {}))], Untested("no rows")),
            made("likely", [experiment(LOWER)], found()),
        )

    bench = Bench(lambda r: FINE if changed(r) else ZERO, parallel=1)
    assert outcomes(prove(bench, *causes())) == {"likely": "confirmed"}
    bench = Bench(lambda r: ZERO, parallel=1)
    assert outcomes(prove(bench, *causes())) == {"likely": "refuted", "fits": "refuted", "unmeasured": "refuted"}
    assert [r.changes[0].name for r in bench.requests[1:]] == ["learning-rate", "precision", "targets"]


def test_one_trial_answers_all_that_ask_for_it() -> None:
    bench = Bench(lambda r: FINE if changed(r) else ZERO)
    proof = prove(bench, made("a", [experiment(LOWER)], found()), made("b", [experiment(LOWER)], found()))
    assert outcomes(proof) == {"a": "confirmed", "b": "confirmed"} and len(bench.requests) == 2


def test_the_next_experiment_is_tried_when_one_leaves_it_open() -> None:
    def open_(control: Case, trials: list[Case]) -> Judgement:
        return Judgement(Outcome.UNDECIDED, "open")

    bench = Bench(lambda r: FINE if changed(r, "precision") else ZERO)
    proof = prove(bench, made("a", [experiment(LOWER, judge=open_, steps=5), experiment(OTHER)], found()))
    assert outcomes(proof) == {"a": "confirmed"} and proof.experiments["a"].changes[0]["name"] == "precision"


def test_candidates_in_order() -> None:
    cheap, dear = experiment(LOWER, steps=10), experiment(OTHER, steps=1000)

    def cost(asked: Experiment) -> float:
        return float(asked.steps or 0)

    # Same confidence: the cheaper first. Same cost: the trial from which more is learned, which serves two here.
    one, two = Candidate("one", found(), [dear]), Candidate("two", found(), [cheap])
    assert [c.cause for c in in_order([one, two], cost)] == ["two", "one"]
    sure, near = Candidate("sure", found(confidence=0.99), [cheap]), Candidate("near", found(confidence=0.6), [cheap])
    three = Candidate("alone", found(confidence=0.97), [experiment(OTHER, steps=10)])
    assert [c.cause for c in in_order([three, sure, near], cost)] == ["sure", "near", "alone"]
    # One that fits is not preferred to a likely one, however cheap.
    fits = Candidate("fits", found(Level.POSSIBLE), [experiment(LOWER, steps=1)])
    assert [c.cause for c in in_order([fits, one], cost)] == ["one", "fits"]


def test_decided() -> None:
    likely = Candidate("a", found(), [experiment(LOWER)])
    fits = Candidate("b", found(Level.POSSIBLE), [experiment(OTHER)])
    assert not decided([likely, fits])
    likely.tried, likely.outcome = 1, Outcome.CONFIRMED
    assert decided([likely, fits])
    likely.outcome = Outcome.REFUTED
    assert not decided([likely, fits])
    fits.tried, fits.outcome = 1, Outcome.UNDECIDED
    assert decided([likely, fits])


# limits --------------------------------------------------------------------------------------------------------


def test_max_trials_stops_it() -> None:
    causes = [made(f"c{n}", [experiment(Change("learning-rate", {"factor": n}))], found()) for n in range(9)]
    bench = Bench(lambda r: ZERO)
    proof = prove(bench, *causes, most=4)
    assert len(bench.requests) <= 4 and "--max-trials 4" in proof.whole.stopped
    assert 0 < len(proof.experiments) < 9


def test_the_budget_limits_each_trial_and_all_of_them() -> None:
    bench = Bench(lambda r: TrialResult(Status.TIMED_OUT, "too long") if r.changes else ZERO)
    proof = prove(bench, made("rate", [experiment(LOWER)], found()), seconds=7.0)
    assert all(r.limits.seconds <= 7.0 for r in bench.requests)
    assert "--budget 7s" in proof.whole.stopped and proof.experiments == {}


def test_what_was_decided_before_ctrl_c_stays() -> None:
    def losses(request: TrialRequest) -> Sequence[float]:
        if changed(request, "precision"):
            raise KeyboardInterrupt
        return FINE if request.changes else ZERO

    causes = made("rate", [experiment(LOWER)], found(confidence=0.6)), made("other", [experiment(OTHER)], found())
    proof = prove(Bench(losses, parallel=1), *causes)
    assert outcomes(proof) == {"rate": "confirmed"} and proof.whole.stopped == "interrupted"


# length --------------------------------------------------------------------------------------------------------


def _recording(losses: Sequence[float]) -> Recording:
    tape = Tape()
    tape.train(losses)
    return tape.recording()


def test_a_recording_until_a_step_is_that_of_a_shorter_run() -> None:
    tape = Tape()
    for _ in range(3):
        tape.epoch([1.0, 0.5])
        tape.updated(True)
        tape.prints("loss 0.5")
    whole = tape.recording()
    part = whole.until(4)
    assert list(part.optimised[0].values) == list(whole.optimised[0].values[:4])
    assert len(part.all(e.Update)) == 1 and len(part.epochs) == 1 and len(part.all(e.Printed)) == 1
    assert list(whole.until(100).optimised[0].values) == list(whole.optimised[0].values)


def test_trials_are_as_long_as_the_symptom_needs() -> None:
    assert steps_needed(_recording(ZERO)) == 20
    late = [1.0] * 10 + [5.0] * 2000
    needed = steps_needed(_recording(late))
    assert needed is not None and 50 <= needed <= 200
    # Seen at the end only, or over the whole run: the whole run.
    assert steps_needed(_recording([1.0 - n / 1000 for n in range(500)] + [math.nan])) is None
    assert steps_needed(_recording(FINE)) is None
    assert steps_needed(_recording([0.0] * 5)) is None


def test_a_trial_is_short_and_is_made_whole_where_that_leaves_it_open() -> None:
    bench = Bench(lambda r: FINE if changed(r) else ZERO)
    assert outcomes(prove(bench, made("rate", [experiment(LOWER)], found()))) == {"rate": "confirmed"}
    assert {r.steps for r in bench.requests} == {20}

    def same(control: Case, trials: list[Case]) -> Judgement:
        return Judgement(Outcome.CONFIRMED, "the same curve")

    # A contrast that leaves the symptom in place has to hold over the whole run.
    bench = Bench(lambda r: ZERO)
    assert outcomes(prove(bench, made("rate", [experiment(LOWER, judge=same)], found()))) == {"rate": "confirmed"}
    assert [r.steps for r in bench.requests] == [20, 20, None, None]


# seeds and statistics ------------------------------------------------------------------------------------------


def test_over_seeds_the_control_runs_under_them_too_and_a_test_decides() -> None:
    bench = Bench(lambda r: FINE if changed(r) else ZERO)
    item = prove(bench, made("rate", [experiment(LOWER, seeds=5)], found())).experiments["rate"]
    assert (item.control_shown, item.control_runs, item.trial_shown, item.trial_runs) == (5, 5, 0, 5)
    assert item.outcome == "confirmed" and item.p_value == pytest.approx(1 / math.comb(10, 5), abs=1e-6)
    assert len(bench.requests) == 10


def test_an_effect_that_chance_explains_proves_nothing() -> None:
    bench = Bench(lambda r: ZERO if not changed(r) and offset(r) in (0, 1) else FINE)
    item = prove(bench, made("rate", [experiment(LOWER, seeds=4)], found())).experiments["rate"]
    assert (item.control_shown, item.trial_shown) == (2, 0)
    assert item.outcome == "undecided" and item.p_value is not None and item.p_value > 0.05
    assert "more seeds" in item.text


def test_tests_are_corrected_for_their_number() -> None:
    causes = [made(f"c{n}", [experiment(Change("learning-rate", {"factor": n}), seeds=4)], found()) for n in range(4)]
    proof = prove(Bench(lambda r: FINE if changed(r) else ZERO), *causes, most=100)
    assert set(outcomes(proof).values()) == {"undecided"}
    assert all(i.p_value == pytest.approx(4 / 70, abs=1e-6) for i in proof.experiments.values())


def test_fresh_draws_need_no_control_of_their_own() -> None:
    bench = Bench(lambda r: FINE if r.changes else ZERO)
    change = Change("initialisation", {})
    item = prove(bench, made("luck", [experiment(change, seeds=4)], found())).experiments["luck"]
    assert item.outcome == "confirmed" and item.p_value is None and (item.control_runs, item.trial_runs) == (1, 4)


def noisy(values: Sequence[float], request: TrialRequest, lasts: float = 0.01) -> list[float]:
    """The same, a little different under each seed."""
    return [v + lasts * ((7 * offset(request) + n) % 11) / 11 for n, v in enumerate(values)]


RISING = [1.0 + 0.01 * n for n in range(400)]


def test_a_proof_in_which_chance_may_play_a_part_is_repeated_under_further_seeds() -> None:
    bench = Bench(lambda r: noisy(FINE if changed(r) else RISING, r))
    proof = prove(bench, made("rate", [experiment(LOWER, judge=lower)], found()), losses=RISING, seeds=None)
    item = proof.experiments["rate"]
    assert (item.outcome, item.seeds, item.held, item.pairs) == ("confirmed", 6, 5, 5)
    assert (item.control_shown, item.control_runs, item.trial_shown, item.trial_runs) == (5, 5, 0, 5)
    # The program's own seed has chosen the experiment, and is not counted.
    assert item.p_value == pytest.approx(1 / math.comb(10, 5), abs=1e-6)
    assert "Under 5 further seeds the untouched program shows it in 5, and the contrast holds in 5" in item.over_seeds
    assert "last loss 4." in item.over_seeds
    assert sorted(offset(r) for r in bench.requests) == [0, 0, *[k for k in range(1, 6) for _ in range(2)]]


def lower(control: Case, trials: list[Case]) -> Judgement:
    ends = [case.last_value for case in (control, trials[0])]
    return Judgement(Outcome.CONFIRMED if ends[1] < ends[0] else Outcome.UNDECIDED, "it ends lower")


@pytest.mark.parametrize("lucky", [1, 3])
def test_a_contrast_that_another_seed_does_not_show_is_no_proof(lucky: int) -> None:
    """It holds under the program's own seed and ``lucky`` further ones: the symptom comes and goes by itself."""

    def losses(request: TrialRequest) -> list[float]:
        shows = not changed(request) and offset(request) <= lucky
        return noisy(RISING if shows else FINE, request)

    item = prove(
        Bench(losses), made("rate", [experiment(LOWER, judge=lower)], found()), losses=RISING, seeds=None
    ).experiments["rate"]
    assert item.outcome == "undecided" and item.p_value is not None and item.p_value > 0.05
    assert item.control_shown == lucky and "Chance alone would do that too" in item.text


def test_a_contrast_that_is_no_symptom_takes_the_sign_test() -> None:
    def same(control: Case, trials: list[Case]) -> Judgement:
        alike = abs(control.last_value - trials[0].last_value) < 0.1
        return Judgement(Outcome.CONFIRMED if alike else Outcome.UNDECIDED, "the same course")

    def losses(seeds: set[int]) -> Losses:
        return lambda r: noisy([v - (offset(r) in seeds and changed(r)) for v in RISING], r)

    cause = made("rate", [experiment(LOWER, judge=same)], found())
    item = prove(Bench(losses(set())), cause, losses=RISING, seeds=None).experiments["rate"]
    assert (item.outcome, item.held, item.p_value) == ("confirmed", 5, pytest.approx(2**-5, abs=1e-6))
    item = prove(Bench(losses({2, 4})), cause, losses=RISING, seeds=None).experiments["rate"]
    assert (item.outcome, item.held, item.p_value) == ("undecided", 3, 0.5)
    # Two proofs at a time need one seed more each, for both to stand when the tests are corrected for their number.
    other = made("other", [experiment(OTHER, judge=same)], found())
    proof = prove(Bench(losses(set())), cause, other, losses=RISING, seeds=None)
    assert outcomes(proof) == {"rate": "confirmed", "other": "confirmed"}
    assert {i.pairs for i in proof.experiments.values()} == {6}


def test_exact_sights_seeds_that_change_nothing_and_long_programs_are_not_repeated() -> None:
    cause = made("rate", [experiment(LOWER)], found())
    bench = Bench(lambda r: noisy(FINE, r) if changed(r) else ZERO)
    item = prove(bench, cause, seeds=None).experiments["rate"]
    assert (item.outcome, item.seeds, item.over_seeds, len(bench.requests)) == ("confirmed", 1, "", 2)

    cause = made("rate", [experiment(LOWER, judge=lower)], found())
    bench = Bench(lambda r: FINE if changed(r) else RISING)
    item = prove(bench, cause, losses=RISING, seeds=None).experiments["rate"]
    assert (item.outcome, item.over_seeds) == ("confirmed", "Another seed changes nothing in this program.")

    for seeds, runs in ((None, 2), (7, 14), (1, 2)):
        bench = Bench(lambda r: noisy(FINE if changed(r) else RISING, r), takes=60.0)
        item = prove(bench, cause, losses=RISING, seeds=seeds).experiments["rate"]
        assert len(bench.requests) == runs, seeds
        if seeds is None:
            assert item.over_seeds == "Shown under one seed; 5 more would take 10 runs, about 300 s (--seeds)."


def test_sizes_tell_where_the_symptom_shows_under_some_seeds_only() -> None:
    """A loss that rises under some seeds and stays high under the others: the change lowers it under all."""

    def losses(request: TrialRequest) -> list[float]:
        return noisy(FINE if changed(request) else RISING if offset(request) <= 2 else [2.0] * 400, request)

    cause = made("rate", [experiment(LOWER, judge=lower)], found())
    item = prove(Bench(losses), cause, losses=RISING, seeds=None).experiments["rate"]
    assert (item.outcome, item.held, item.control_shown) == ("confirmed", 5, 2)
    assert item.p_value == pytest.approx(1 / math.comb(10, 5), abs=1e-6)


def test_so_few_seeds_that_nothing_could_follow_are_refused() -> None:
    with pytest.raises(ValueError, match="1, or at least 6"):
        prove(Bench(lambda r: ZERO), seeds=5)


def test_what_further_seeds_take_back_leaves_room_for_another_cause() -> None:
    def losses(request: TrialRequest) -> list[float]:
        cured = changed(request, "precision") or (changed(request) and offset(request) in (0, 1))
        return noisy(FINE if cured else RISING, request)

    first = made("rate", [experiment(LOWER, judge=lower)], found(confidence=0.95))
    second = made("other", [experiment(OTHER, judge=lower)], found(Level.POSSIBLE, 0.5))
    assert outcomes(prove(Bench(losses), first, second, losses=RISING, seeds=None)) == {
        "rate": "undecided",
        "other": "confirmed",
    }


def test_all_trials_of_an_experiment_are_judged_and_some_may_find_no_place() -> None:
    third = Change("labels", {"how": "shift"})

    def both(control: Case, trials: list[Case]) -> Judgement:
        made = [[r.name for r in t.recording.all(e.Intervened)] for t in trials]
        return Judgement(Outcome.CONFIRMED, f"{len(trials)} trials: {made}")

    asked = Experiment("?", [LOWER], both, also=[[third]])
    bench = Bench(lambda r: ZERO, silent={"labels"})
    item = prove(bench, made("rate", [asked], found())).experiments["rate"]
    assert (item.outcome, item.text, item.seeds) == ("confirmed", "2 trials: [['learning-rate'], []]", 1)
    bench = Bench(lambda r: ZERO, silent={"learning-rate"})
    assert outcomes(prove(bench, made("rate", [asked], found()))) == {"rate": "undecided"}


outcome_lists = st.lists(st.booleans(), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(outcome_lists, outcome_lists)
def test_the_p_value_is_that_of_all_permutations(control: list[bool], trial: list[bool]) -> None:
    """Fisher's test against what it stands for: of all ways to deal the results out, how many are as clear?"""
    pool = control + trial
    as_clear = [
        sum(pool[i] for i in chosen) >= sum(control)
        for chosen in itertools.combinations(range(len(pool)), len(control))
    ]
    assert effect_p_value(control, trial) == pytest.approx(sum(as_clear) / len(as_clear), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    """R. Marcus et al. 1976: a hypothesis falls when every intersection that holds it does."""
    indices = range(len(p_values))
    for index, corrected in zip(indices, holm(p_values)):
        closed = max(
            min(1.0, len(chosen) * min(p_values[i] for i in chosen))
            for size in range(1, len(p_values) + 1)
            for chosen in itertools.combinations(indices, size)
            if index in chosen
        )
        assert corrected == pytest.approx(closed)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.floats(0.01, 0.99))
def test_the_interval_covers_the_truth(runs: int, share: float) -> None:
    covered = 0.0
    for shown in range(runs + 1):
        low, high = share_interval(shown, runs)
        assert 0 <= low <= shown / runs <= high <= 1
        if low <= share <= high:
            covered += math.comb(runs, shown) * share**shown * (1 - share) ** (runs - shown)
    assert covered >= 0.95


# curves --------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32) | st.just(math.nan), min_size=1, max_size=600))
def test_curves_are_thinned_and_keep_their_ends_and_extremes(values: list[float]) -> None:
    item = curve_item(Case(_recording(values), []))
    assert item is not None and len(item.steps) == len(item.values) <= 200
    assert item.steps[0] == 0 and item.steps[-1] == len(values) - 1 and item.steps == sorted(set(item.steps))
    finite = [v for v in values if math.isfinite(v)]
    kept = [v for v in item.values if isinstance(v, float)]
    if finite:
        assert max(kept) == pytest.approx(max(finite), rel=1e-5) and min(kept) == pytest.approx(min(finite), rel=1e-5)


def test_of_repairs_that_are_made_together_one_has_to_find_something() -> None:
    finite = [Change("inputs", {"how": "finite"}), Change("targets", {"how": "finite"})]
    permuted = Change("targets", {"how": "permute"})

    def unmade(changes: list[Change], *made: str) -> str:
        recording = Recording([e.Intervened(1, 0, name, 3) for name in made])
        return Run(Wanted("", changes), TrialResult(Status.FINISHED), Case(recording, [])).unmade

    assert unmade(finite, "inputs") == ""
    assert "inputs, targets" in unmade(finite)
    assert "targets" in unmade([finite[0], permuted], "inputs")
