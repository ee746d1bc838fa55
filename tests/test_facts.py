"""The plain data of a page: nothing of a long run is lost that a person would look for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import reported
from flatline.experiments.proof import CurveItem
from flatline.observe import events as e
from flatline.record.recording import Recording, lines_of
from flatline.report.code import blocks, coloured
from flatline.report.curves import trials
from flatline.report.facts import Facts, facts
from flatline.report.heatmap import MOST_COLUMNS, MOST_ROWS, HeatMap, heat_maps
from flatline.report.listing import MOST_LINES, LineMark, Listing, listings
from flatline.report.sparkline import sparkline
from flatline.report.thinning import thin

NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf), st.just(-math.inf))


def given_facts() -> Facts:
    return facts(reported.recording(), reported.verdict(), "run.sqlite")


# curves ----------------------------------------------------------------------------------------------------------


@given(arrays(np.float64, st.integers(1, 3000), elements=NUMBERS), st.integers(10, 400))
@settings(max_examples=60, deadline=None)
def test_thinning_keeps_ends_extremes_and_the_first_of_what_is_not_finite(values: np.ndarray, most: int) -> None:  # type: ignore[type-arg]
    kept = thin(values, most)
    assert len(kept) <= max(most, 10) and np.all(np.diff(kept) > 0)
    assert kept[0] == 0 and kept[-1] == len(values) - 1
    finite = values[np.isfinite(values)]
    if len(finite):
        own = values[kept][np.isfinite(values[kept])]
        assert own.min() == finite.min() and own.max() == finite.max()
    if len(finite) < len(values):
        assert int(np.flatnonzero(~np.isfinite(values))[0]) in kept


def test_one_zero_in_a_million_is_still_there() -> None:
    values = np.ones(1_000_000)
    values[654_321] = 0.0
    assert 654_321 in thin(values, 2000)


def test_the_losses_with_their_lines() -> None:
    shown = [(line.kind, line.name, line.where, line.points) for line in given_facts().losses]
    assert shown == [
        ("optimised", "loss", "train.py:16", 400),
        ("evaluation", "cross_entropy", "train.py:20", 4),
        ("printed", "loss", "train.py:20", 4),
    ]
    optimised, _, printed = given_facts().losses
    assert (optimised.not_finite, optimised.first_not_finite) == (40, 360)
    assert optimised.values[359] is not None and optimised.values[360] is None
    assert printed.steps == [100, 200, 300, 400] and printed.values[-1] is None


def test_epochs_marks_rates() -> None:
    shown = given_facts()
    assert (shown.epochs, shown.epochs_every) == ([0, 100, 200, 300], 1)
    assert [(m.step, m.kind, m.name) for m in shown.marks] == [
        (360, "onset", "non-finite-loss"), (360, "event", "not finite"), (400, "end", "ValueError")]  # fmt: skip
    (rate,) = shown.rates
    assert rate.values[0] == 0.1 and rate.steps[-1] == 399


def test_of_many_epochs_every_so_many_is_kept() -> None:
    records: list[e.Event] = []
    for n in range(130):
        records += [e.EpochStarted(n, 10 * n, 0, None), e.EpochEnded(n, 10 * n + 10, 0, 10, 80, True)]
    shown = facts(Recording(records), reported.verdict())
    assert shown.epochs_every == 3 and shown.epochs == [30 * n for n in range(44)]


def test_json_has_no_nan() -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(given_facts().to_json(), parse_constant=refuse)


def test_an_empty_recording_has_facts() -> None:
    verdict = reported.verdict()
    verdict.causes, verdict.expected = [], []
    shown = facts(Recording([]), verdict)
    assert (shown.losses, shown.heat_maps, shown.listings, shown.labels) == ([], [], [], None)
    assert shown.run.ended.startswith("no end was recorded")


@pytest.mark.parametrize("curve", [None, CurveItem([], [])])
def test_an_experiment_without_a_curve_is_told_all_the_same(curve: CurveItem | None) -> None:
    verdict = reported.verdict()
    assert verdict.causes[0].experiment is not None
    verdict.causes[0].experiment.control = verdict.causes[0].experiment.trial = curve
    (trial,) = trials(verdict)
    assert trial.asks.startswith("does the loss stay finite") and trial.curves == []


# heat maps -------------------------------------------------------------------------------------------------------


def named(recording: Recording, name: str) -> HeatMap:
    return next(one for one in heat_maps(recording) if one.name == name)


def test_gradients_of_a_layer_are_one_norm() -> None:
    shown = named(reported.recording(), "gradient")
    assert shown.rows == ["layer.0", "layer.2"] and shown.steps[:2] == [0, 25]
    values = shown.decode()
    assert values[0, 0] == pytest.approx(math.hypot(0.1, 0.05), rel=1e-3)
    assert values[1, 0] == 0.0 and values[1, 4] == pytest.approx(math.hypot(0.1 / 3, 0.1 / 4), rel=1e-3)
    assert np.isinf(values[:, -1]).all()


def test_update_ratios_and_activations() -> None:
    recording = reported.recording()
    assert named(recording, "update").decode()[0, 0] == pytest.approx(0.001, rel=1e-3)
    dead = named(recording, "dead")
    assert dead.rows == ["relu, 2nd before the loss", "relu, 1st before the loss"]
    assert dead.decode()[0, 0] == pytest.approx(0.1, abs=1e-4)
    assert (dead.logarithmic, dead.low, dead.high) == (False, 0.0, 1.0)


def updates(values: dict[tuple[int, int], float], parameters: int) -> Recording:
    """Gradients by parameter and step; the weights are 1 and move by as much."""
    records: list[e.Event] = [
        e.ParameterSeen(n, f"l{n}.weight", [1], "float32", True, "", None) for n in range(parameters)
    ]
    for step in sorted({s for _, s in values}):
        facts = [
            e.ParameterFacts(n, v, 1.0, v, True, True, not math.isfinite(v), False)
            for (n, s), v in values.items()
            if s == step
        ]
        records.append(e.Update(step, step, 0, facts))
    return Recording(records)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 4), st.integers(0, 9)),
        st.one_of(st.just(0.0), st.floats(1e-12, 1e6), st.just(math.nan), st.just(math.inf)),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_what_was_measured(values: dict[tuple[int, int], float]) -> None:
    shown = named(updates(values, 5), "gradient")
    decoded = shown.decode()
    for (n, step), value in values.items():
        cell = decoded[shown.rows.index(f"l{n}"), shown.steps.index(step)]
        # 18 decades in 65,532 steps: 0.07% a step.
        assert np.isinf(cell) if not math.isfinite(value) else cell == pytest.approx(value, rel=2e-3, abs=0)
    assert int(np.isnan(decoded).sum()) == decoded.size - len(values)


def test_a_very_deep_model_keeps_the_layer_that_breaks() -> None:
    values = {(n, step): 1.0 for n in range(3000) for step in (0, 1)}
    values[1777, 1] = math.nan
    shown = named(updates(values, 3000), "gradient")
    assert len(shown.rows) <= MOST_ROWS and shown.left_out == 3000 - len(shown.rows)
    assert np.isinf(shown.decode()[shown.rows.index("l1777"), 1])


def test_of_many_steps_the_worst_of_each_column_is_shown() -> None:
    values = {(0, step): 1.0 for step in range(1000)}
    values[0, 501] = math.inf
    values[0, 777] = 50.0
    shown = named(updates(values, 1), "gradient")
    assert len(shown.steps) <= MOST_COLUMNS
    decoded = shown.decode()[0]
    assert int(np.isinf(decoded).sum()) == 1 and np.nanmax(decoded[np.isfinite(decoded)]) == pytest.approx(50, rel=1e-3)


def test_two_models_with_the_same_names_are_told_apart() -> None:
    recording = updates({(0, 0): 1.0, (1, 1): 2.0}, 2)
    parts = {n: e.ParameterSeen(n, "0.weight", [1], "float32", True, "", None) for n in (0, 1)}
    recording = Recording([*recording.all(e.Update), *parts.values(),
                           e.ModelSeen(0, 0, "Generator", None, [], [0]),
                           e.ModelSeen(0, 1, "Critic", None, [], [1])])  # fmt: skip
    shown = named(recording, "gradient")
    assert shown.rows == ["Generator: 0", "Critic: 0"]
    decoded = shown.decode()
    assert np.isnan(decoded[0, 1]) and np.isnan(decoded[1, 0])


# source ----------------------------------------------------------------------------------------------------------


def test_a_listing_marks_guilty_possible_and_related_lines() -> None:
    (shown,) = listings(reported.recording(), reported.verdict())
    assert [(m.line, m.kind) for m in shown.marks] == [(5, "possible"), (6, "related"), (16, "guilty"), (21, "related")]
    assert shown.lines[15] == "        loss = torch.log(criterion(model(x), y))" and shown.total == 21


def test_of_a_long_file_only_what_is_near_is_kept() -> None:
    recording = reported.recording()
    recording.sources[reported.FILE] = "\n".join(["x = 1"] * 20_000)
    (shown,) = listings(recording, reported.verdict())
    assert len(shown.lines) <= MOST_LINES and shown.total == 20_000


def test_lines_far_from_a_mark_are_folded() -> None:
    listing = Listing("t.py", "t.py", 1, 40, [f"a{n} = {n}" for n in range(40)], [LineMark(20, "guilty", "c")])
    shown = [(b.folded, b.rows[0].number, b.rows[-1].number) for b in blocks(listing)]
    assert shown == [(True, 1, 15), (False, 16, 24), (True, 25, 40)]


@pytest.mark.parametrize(
    "source", ["a = '''x\ny'''\n\nb", "def f(:\n  'x", "\x0c\n# é\u2028z", "", "\t\tx\n", "'unclosed"]
)
def test_colours_change_no_text(source: str) -> None:
    lines = lines_of(source)
    assert ["".join(text for _, text in parts) for parts in coloured(lines)] == lines


# in one line -----------------------------------------------------------------------------------------------------


@given(arrays(np.float64, st.integers(0, 500), elements=NUMBERS), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_sparkline_is_as_wide_as_asked_and_shows_what_is_not_finite(values: np.ndarray, width: int) -> None:  # type: ignore[type-arg]
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    assert ("×" in drawn) == (not np.isfinite(values).all())
