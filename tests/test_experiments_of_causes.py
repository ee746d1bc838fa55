"""What causes say of their experiments: on real programs, control and trial, and on recordings made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flatline.causes import insufficient_capacity, no_signal, remembered, slipped_labels
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


# judges with a theory of their own ----------------------------------------------------------------------------------


def rows(inputs: np.ndarray[tuple[int, int], np.dtype[np.float32]], y: np.ndarray, acts: str = "labels") -> Case:  # type: ignore[type-arg]
    made = Tape("loss = F.binary_cross_entropy(model(x), y)")
    for start in range(0, len(y), 50):
        made.rows(inputs[start : start + 50], y[start : start + 50].astype(np.float32))
        made.train([0.69])
    if acts:
        made.add(e.Intervened(made.now(), made.step, acts, 1))
    made.add(e.RunEnded(made.now(), made.step, None, None, None))
    found = made.recording()
    return Case(found, find_all(found))


GENERATOR = np.random.default_rng(0)
INPUTS = GENERATOR.normal(size=(300, 5)).astype(np.float32)
FITS = INPUTS[:, 0] > 0
# The labels of the rows after: of a file whose header was read as a row.
SLIPPED = np.roll(FITS, 1)


def test_labels_slipped_when_those_of_the_neighbour_fit() -> None:
    control, before, after = rows(INPUTS, SLIPPED), rows(INPUTS, np.roll(FITS, 2)), rows(INPUTS, FITS)
    judgement = slipped_labels.judged(control, [before, after])
    assert judgement.outcome is Outcome.CONFIRMED and "the label of the row after their own" in judgement.text
    none = GENERATOR.random(300) > 0.5
    open_ = slipped_labels.judged(rows(INPUTS, none), [rows(INPUTS, np.roll(none, n)) for n in (1, -1)])
    assert open_.outcome is Outcome.UNDECIDED and "do not fit either" in open_.text
    unmoved = slipped_labels.judged(control, [control, after])
    assert unmoved.outcome is Outcome.UNDECIDED and "not seen to move" in unmoved.text
    assert slipped_labels.judged(control, [before, rows(INPUTS, FITS, "")]).outcome is Outcome.UNDECIDED
    # Where the program's own labels are predicted, nothing has slipped.
    assert slipped_labels.judged(rows(INPUTS, FITS), [before, after]).outcome is Outcome.UNDECIDED


def test_no_signal_is_refuted_by_slipped_labels_and_open_where_they_could_not_be_tried() -> None:
    def same(control: Case, trials: list[Case]) -> Judgement:
        return Judgement(Outcome.CONFIRMED, "the same course")

    control, other = rows(INPUTS, SLIPPED), rows(INPUTS, GENERATOR.permutation(SLIPPED))
    before, after = rows(INPUTS, np.roll(FITS, 2)), rows(INPUTS, FITS)
    assert no_signal._judged(same, True, control, [other, before, after]).outcome is Outcome.REFUTED
    none = [rows(INPUTS, GENERATOR.permutation(SLIPPED)) for _ in range(2)]
    assert no_signal._judged(same, True, control, [other, *none]).outcome is Outcome.CONFIRMED
    tried = no_signal._judged(same, True, control, [other, control, control])
    assert tried.outcome is Outcome.UNDECIDED and "could not be tried" in tried.text
    # Rows that nothing shuffles were compared with their neighbours in the record already.
    assert no_signal._judged(same, False, control, [other]).outcome is Outcome.CONFIRMED
    blind = no_signal._judged(same, False, control, [control])
    assert blind.outcome is Outcome.UNDECIDED and blind.text == "the loss did not see other labels"


def test_capacity_is_not_to_blame_where_a_network_of_the_same_size_does_as_well() -> None:
    curved = (INPUTS[:, 0] * INPUTS[:, 1]).astype(np.float32)
    straight = INPUTS[:, 0].astype(np.float32)

    def judged(y: np.ndarray, own: float) -> Judgement:  # type: ignore[type-arg]
        made = Tape("loss = F.mse_loss(model(x), y)")
        for start in range(0, 300, 50):
            made.rows(INPUTS[start : start + 50], y[start : start + 50])
            made.train([own])
        found = made.recording()
        case = Case(found, find_all(found))
        return insufficient_capacity._against_references(0, case, [case])

    confirmed = judged(curved, 1.0)
    assert confirmed.outcome is Outcome.CONFIRMED and "without a hidden layer" in confirmed.trial
    # A linear model would do: what holds this one is something else.
    same = judged(straight, 1.0)
    assert same.outcome is Outcome.UNDECIDED and "its size is not what holds it" in same.text
    assert judged(straight, 1e-9).outcome is Outcome.REFUTED


def test_labels_that_only_training_can_tell_are_known_beyond_a_guess() -> None:
    def judged(nats: float, explained: float = 0.0) -> Outcome:
        def case(*records: e.Event) -> Case:
            made = Tape("loss = f()")
            made.value(0.5, kind="evaluation", name="cross_entropy")
            made.train([0.7, 0.1])
            made.add(*records, e.RunEnded(made.now(), made.step, None, None, None))
            found = made.recording()
            return Case(found, find_all(found))

        trial = case(e.Intervened(1, 1, "memory", 3), e.Remembered(1, 0, 40, 90.0), e.Remembered(2, 2, 40, nats))
        trial.explained = explained
        return remembered.labels_remembered(case()).judge(case(), [trial]).outcome

    # The last pass counts; a likelihood ratio of 1,000 has 6.9 nats.
    assert judged(7.0) is Outcome.CONFIRMED
    assert judged(6.8) is Outcome.UNDECIDED
    assert judged(-3.0) is Outcome.UNDECIDED
    assert judged(-3.0, explained=0.9) is Outcome.REFUTED


def test_each_sample_kept_to_itself_is_learned(tmp_path: Path) -> None:
    program = CASES / "samples-mixed" / "faulty_trend_gru.py"
    judgement, _, experiment = judged(tmp_path, program, "samples-mixed")
    assert experiment.changes == [Change("sequences", {"how": "torn"})]
    assert judgement.outcome is Outcome.CONFIRMED
    assert judgement.text.startswith("with each sample kept to itself")


@pytest.mark.parametrize(("kind", "linear"), [("Linear", True), ("LSTM", False)])
def test_a_recurrent_network_is_not_linear(kind: str, linear: bool) -> None:
    tape = Tape("loss.backward()")
    model = e.ModelSeen(1, 0, "Net", None, [("layer", kind, None)], [])
    backward = e.Backward(2, 0, None, 1.0, [], True, ["NllLoss", "LogSoftmax", "Addmm"], [], [], [], 3, 1)
    tape.add(model, backward)
    case = Case(tape.recording(), [])
    assert insufficient_capacity.InsufficientCapacity._linear(case) is linear
