"""What causes say of their experiments: on real programs, control and trial, and on recordings made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flatline.causes.base import Experiment, Found, Judgement, Level, Outcome, catalogue
from flatline.causes.case import Case
from flatline.causes.judging import clearly_lower, contrast, formula, same_course
from flatline.changes import Change, encode
from flatline.interventions.base import interventions
from flatline.observe import events as e
from flatline.symptoms.base import find_all
from recordings import Tape
from runs import recording, watched

CASES = Path(__file__).parent.parent / "bench" / "cases"
TEXTBOOK = Path(__file__).parent.parent / "examples"


def run(folder: Path, program: Path, changes: list[Change]) -> Case:
    folder.mkdir()
    more = {"FLATLINE_RUN_CHANGES": encode(changes)} if changes else {}
    watched(folder, str(program), **more)
    found = recording(folder)
    return Case(found, find_all(found))


def judged(folder: Path, program: Path, name: str, number: int = 0) -> tuple[Judgement, Case, Experiment]:
    control = run(folder / "control", program, [])
    decision = catalogue()[name].decide(control)
    experiment = catalogue()[name].experiments(control, decision)[number]  # type: ignore[arg-type]
    trials = [run(folder / f"trial{n}", program, c) for n, c in enumerate([experiment.changes, *experiment.also])]
    return experiment.judge(control, trials), control, experiment


def test_no_output_gives_another_loss_than_0_where_there_is_one_class(tmp_path: Path) -> None:
    program = CASES / "one-class-softmax" / "faulty_seven_or_not.py"
    judgement, _, _ = judged(tmp_path, program, "one-class-softmax")
    assert judgement.outcome is Outcome.CONFIRMED
    assert judgement.text.startswith("random outputs and permuted targets give exactly 0 too")


def test_the_rate_of_textbook_c_is_too_high(tmp_path: Path) -> None:
    judgement, _, experiment = judged(tmp_path, TEXTBOOK / "textbook_c.py", "learning-rate-too-high")
    assert [c.arguments["factor"] for c in (*experiment.changes, *experiment.also[0])] == [0.1, 0.01]
    assert judgement.outcome is Outcome.CONFIRMED
    assert judgement.text.startswith("at a tenth and at a hundredth of the rate")
    assert judgement.control.startswith("loss 0.7076 to 11.76")


@pytest.mark.parametrize("program", ["textbook_a.py", "textbook_b.py"])
def test_the_labels_of_textbooks_a_and_b_tell_nothing(tmp_path: Path, program: str) -> None:
    judgement, _, experiment = judged(tmp_path, TEXTBOOK / program, "no-signal")
    assert judgement.outcome is Outcome.CONFIRMED and experiment.also == []
    assert judgement.text.startswith("with permuted labels the loss takes the same course")


def test_a_loss_that_is_0_in_half_precision_falls_in_single(tmp_path: Path) -> None:
    program = CASES / "numeric-overflow" / "faulty_metre_targets.py"
    judgement, _, experiment = judged(tmp_path, program, "numeric-overflow")
    assert experiment.changes == [Change("precision", {"dtype": "float32"})]
    assert judgement.outcome is Outcome.CONFIRMED


def test_labels_that_slipped_by_a_row_are_told_from_labels_that_tell_nothing(tmp_path: Path) -> None:
    """Behind a loader that shuffles, where permuted labels look the same."""
    program = CASES / "inputs-unrelated" / "faulty_header_row.py"
    judgement, control, experiment = judged(tmp_path, program, "no-signal")
    assert judgement.outcome is Outcome.REFUTED
    assert "the label of the row after their own" in judgement.text
    unrelated = catalogue()["inputs-unrelated"]
    (other,) = unrelated.experiments(control, unrelated.decide(control))  # type: ignore[arg-type]
    # The same trials.
    assert [other.changes, *other.also] == experiment.also


# judging -------------------------------------------------------------------------------------------------------------


def tape(values: list[float], times: int = 0, failed: str = "", ended: bool = True) -> Case:
    made = Tape("loss = f()")
    made.train(values)
    if times:
        made.add(e.Intervened(made.now(), made.step, "mask", times))
    if failed:
        made.add(e.ProbeFailed("intervention mask", failed))
    if ended:
        made.add(e.RunEnded(made.now(), made.step, None, None, None))
    found = made.recording()
    return Case(found, find_all(found))


JUDGE = contrast(
    "mask",
    lambda control: control.has("zero-loss"),
    lambda control, trial: not trial.has("zero-loss"),
    "it was the mask",
    "it is not the mask",
    lambda control, trial: trial.has("zero-loss"),
)
ZERO, FALLING = [0.0] * 5, [2.0, 1.5, 1.2, 1.0, 0.9]


@pytest.mark.parametrize(
    ("control", "trials", "outcome", "text"),
    [
        (tape(ZERO), [tape(FALLING, 5)], Outcome.CONFIRMED, "it was the mask"),
        (tape(ZERO), [tape(ZERO, 5)], Outcome.REFUTED, "it is not the mask"),
        (tape(ZERO), [tape(FALLING)], Outcome.UNDECIDED, "found nothing to act on"),
        (tape(ZERO), [tape(FALLING, 5, "IndexError: 3")], Outcome.UNDECIDED, "could not be made: IndexError: 3"),
        (tape(ZERO), [tape(FALLING, 5, ended=False)], Outcome.UNDECIDED, "did not run to its end"),
        (tape(ZERO), [], Outcome.UNDECIDED, "did not run to its end"),
        (tape(FALLING), [tape(FALLING, 5)], Outcome.UNDECIDED, "the control did not show the symptom"),
    ],
)
def test_a_contrast_needs_its_control_its_change_and_its_trial(
    control: Case, trials: list[Case], outcome: Outcome, text: str
) -> None:
    judgement = JUDGE(control, trials)
    assert judgement.outcome is outcome
    assert text in judgement.text


def test_numbers_of_both_runs_come_with_the_outcome() -> None:
    judgement = JUDGE(tape(ZERO), [tape(FALLING, 5)])
    assert (judgement.control, judgement.trial) == ("loss 0 to 0 in 5 steps", "loss 2 to 0.9 in 5 steps")


def test_lower_is_a_fifth_and_more_than_noise() -> None:
    steady, lower, slightly = tape([1.0] * 20), tape([0.7] * 20), tape([0.9] * 20)
    noisy = tape([0.1, 1.3] * 10)
    assert clearly_lower(steady, lower)
    assert not clearly_lower(steady, slightly)
    assert not clearly_lower(steady, noisy)
    assert not clearly_lower(steady, tape([float("nan")] * 20))
    assert clearly_lower(tape([float("nan")] * 20), steady)
    assert same_course(steady, tape([1.0] * 20))
    assert not same_course(steady, lower)


def test_the_target_of_a_formula_is_looked_for_above_its_line() -> None:
    made = Tape(
        """
        error = net(x) - y
        loss = (error ** 2).mean()
        loss.backward()
        """
    )
    target = e.TensorFacts([8], "float32", mean=0.0, deviation=1.0)
    made.criterion("expression", 1.0, target, line=2)
    call = made._records[-1]
    assert isinstance(call, e.CriterionCall)
    call.options, call.names = {"line": 2, "expression": "(error ** 2).mean()"}, ["error", "y"]
    found = made.recording()
    assert formula(Case(found, [])) == {"line": 1, "file": "train.py", "shape": [8], "floating": True}


def test_every_cause_names_changes_that_exist() -> None:
    """Each story has an experiment, and each name of a change in the sources is one that can be made."""
    known = set(interventions())
    for name, cause in catalogue().items():
        assert "\nExperiment\n" in cause.story(), name
    for path in (Path(__file__).parent.parent / "src" / "flatline" / "causes").glob("*.py"):
        for part in path.read_text(encoding="utf-8").split('Change("')[1:]:
            assert part.partition('"')[0] in known, path.name


def test_nothing_is_offered_for_what_was_not_found() -> None:
    case = tape(FALLING)
    for name, cause in catalogue().items():
        decision = cause.decide(case)
        if not isinstance(decision, Found):
            assert cause.experiments(case, None) == [], name


def test_equal_targets_of_one_row_alone_are_not_put_to_the_test() -> None:
    """Where every input is the same, equal targets follow from that: noise for inputs would prove the wrong cause."""

    def offered(inputs: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> int:
        made = Tape("loss = F.mse_loss(model(x), y)")
        for step in range(4):
            made.criterion("mse_loss", 1.0 / (step + 1), e.TensorFacts([8, 1], "float32", counts={"1": 8}))
            made.rows(inputs, np.ones((8, 1), np.float32))
            made.train([1.0 / (step + 1)])
        found = made.recording()
        decision = Found(Level.LIKELY, 0.97, None, [], "")
        return len(catalogue()["constant-targets"].experiments(Case(found, find_all(found)), decision))

    assert offered(np.arange(16, dtype=np.float32).reshape(8, 2)) == 1
    assert offered(np.ones((8, 2), np.float32)) == 0
