"""What was measured of each layer on the sampled steps, as grids that a page can hold and draw."""

from __future__ import annotations

import base64
import math
from collections import defaultdict

import msgspec
import numpy as np

from flatline.observe import events as e
from flatline.record.recording import Floats, Recording

MOST_ROWS = 1024
MOST_COLUMNS = 120
# Codes of a cell in 16 bits: what has no place on a scale, then the scale itself.
MISSING, ZERO, NOT_FINITE, LOWEST = 0, 1, 2, 3
HIGHEST = 65535
Cells = dict[tuple[str, int], float]


class HeatMap(msgspec.Struct):
    """One quantity over layers (``rows``, from input to output) and optimizer steps (``steps``).

    ``cells`` holds rows x steps unsigned 16-bit numbers, little endian, row by row, in base64: 0 not measured, 1 exactly
    zero, 2 NaN or infinite, and from 3 to 65535 the scale from ``low`` to ``high``: of the decimal logarithm when
    ``logarithmic``, else of the value. ``left_out`` rows are not shown. Where sampled steps share a column, it holds the
    largest value.
    """

    name: str
    title: str
    meaning: str
    rows: list[str]
    steps: list[int]
    logarithmic: bool
    low: float
    high: float
    cells: str
    left_out: int = 0

    def decode(self) -> Floats:
        """The grid, float64, (rows, steps): NaN where nothing was measured, inf where it was not finite."""
        codes = np.frombuffer(base64.b64decode(self.cells), "<u2").reshape(len(self.rows), len(self.steps))
        share = (codes.astype(float) - LOWEST) / (HIGHEST - LOWEST)
        scale = self.low + share * (self.high - self.low)
        values = 10**scale if self.logarithmic else scale
        values[codes == MISSING] = np.nan
        values[codes == ZERO] = 0.0
        values[codes == NOT_FINITE] = np.inf
        return values


def heat_maps(recording: Recording) -> list[HeatMap]:
    """Gradient and update of each layer, saturation and spread of each activation; what was not measured is left out."""
    gradient, update, layers = _layers(recording)
    made = [
        _grid("gradient", "Gradient", "Euclidean norm of the gradient of a layer's parameters", gradient, layers, True),
        _grid(
            "update",
            "Update ÷ weight",
            "norm of what a step changed over the norm of the weights before it; about 0.001 is usual",
            update,
            layers,
            True,
        ),
        *_activations(recording),
    ]
    return [heat_map for heat_map in made if heat_map is not None]


def _layers(recording: Recording) -> tuple[Cells, Cells, list[str]]:
    """Gradient norms and update ratios by layer and step; the layers in the order in which they were registered."""
    names = layer_names(recording)
    squares: dict[str, dict[tuple[str, int], float]] = {"gradient": defaultdict(float), "update": {}, "weight": {}}
    squares["update"] = defaultdict(float)
    squares["weight"] = defaultdict(float)
    for record in recording.all(e.Update):
        for facts in record.parameters:
            cell = (names.get(facts.parameter) or recording.parameter_name(facts.parameter), record.step)
            if facts.has_gradient:
                squares["gradient"][cell] += math.inf if facts.non_finite_gradient else facts.gradient**2
            bad = facts.non_finite_weight or not math.isfinite(facts.update) or not math.isfinite(facts.weight)
            squares["update"][cell] += math.inf if bad else facts.update**2
            squares["weight"][cell] += 0.0 if bad else facts.weight**2
    gradient = {cell: math.sqrt(value) for cell, value in squares["gradient"].items()}
    ratio: Cells = {}
    for cell, value in squares["update"].items():
        weight = squares["weight"][cell]
        # Weights of exactly 0, as of a fresh bias, have no ratio unless nothing moved.
        if math.isinf(value) or weight > 0 or value == 0:
            ratio[cell] = math.sqrt(value / weight) if weight > 0 else value
    order = list(dict.fromkeys(names.values()))
    seen = {layer for layer, _ in squares["update"]}
    return gradient, ratio, [*(n for n in order if n in seen), *sorted(seen - set(order))]


def layer_names(recording: Recording) -> dict[int, str]:
    """The layer of each parameter: its name without the last part; with its model's where several models have one."""
    owner: dict[int, str] = {}
    models = {m.number: m for m in recording.all(e.ModelSeen)}
    for model in models.values():
        for number in model.parameters:
            owner.setdefault(number, f"{model.name} {model.number}" if _shares_name(model, models) else model.name)
    several = len(set(owner.values())) > 1
    result: dict[int, str] = {}
    for number in recording.parameters:
        name = recording.parameter_name(number)
        layer = name.rpartition(".")[0] or name
        result[number] = f"{owner[number]}: {layer}" if several and number in owner else layer
    return result


def _shares_name(model: e.ModelSeen, models: dict[int, e.ModelSeen]) -> bool:
    return sum(other.name == model.name for other in models.values()) > 1


def _activations(recording: Recording) -> list[HeatMap | None]:
    saturated: Cells = {}
    dead: Cells = {}
    depth_of: dict[str, int] = {}
    for backward in recording.all(e.Backward):
        for activation in backward.activations:
            row = f"{activation.kind}, {_ordinal(activation.depth)} before the loss"
            for cells, value in ((saturated, activation.saturated), (dead, activation.dead)):
                # NaN: the graph did not save the activation's values.
                if math.isnan(value):
                    continue
                depth_of[row] = activation.depth
                cells[row, backward.step] = _larger(cells.get((row, backward.step)), value)
    spread: Cells = {}
    arriving: Cells = {}
    signal_depth: dict[str, int] = {}
    for signal in recording.all(e.Signal):
        for depth, gradient, width in zip(signal.depths, signal.gradients, signal.spreads):
            row = f"activation, {_ordinal(depth)} before the loss"
            signal_depth[row] = depth
            arriving[row, signal.step] = _larger(arriving.get((row, signal.step)), gradient)
            if not math.isnan(width):
                spread[row, signal.step] = _larger(spread.get((row, signal.step)), width)
    rows = sorted(depth_of, key=lambda row: (-depth_of[row], row))
    signal_rows = sorted(signal_depth, key=lambda row: -signal_depth[row])
    return [
        _grid("saturated", "Saturated units", "share of an activation's units at a rail", saturated, rows, False),
        _grid("dead", "Dead units", "share of units at the rail for every sample of the batch", dead, rows, False),
        _grid(
            "spread",
            "Activation spread",
            "standard deviation of an activation over the batch",
            spread,
            signal_rows,
            True,
        ),
        _grid(
            "arriving",
            "Gradient at activations",
            "norm of the gradient that arrives at an activation",
            arriving,
            signal_rows,
            True,
        ),
    ]


def _ordinal(depth: int) -> str:
    """Counted from the loss, 1st the nearest.

    >>> [_ordinal(n) for n in (1, 2, 3, 11, 22)]
    ['1st', '2nd', '3rd', '11th', '22nd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(depth % 10, "th") if depth % 100 not in (11, 12, 13) else "th"
    return f"{depth}{ending}"


def _larger(one: float | None, other: float) -> float:
    """The larger of two, a number that is not finite above all."""
    if one is None or not math.isfinite(other):
        return other
    return one if not math.isfinite(one) else max(one, other)


def _grid(name: str, title: str, meaning: str, cells: Cells, rows: list[str], logarithmic: bool) -> HeatMap | None:
    steps = sorted({step for _, step in cells})
    rows = [row for row in rows if any((row, step) in cells for step in steps)]
    if not rows or not steps:
        return None
    values = np.full((len(rows), len(steps)), np.nan)
    at_row, at_step = {r: i for i, r in enumerate(rows)}, {s: i for i, s in enumerate(steps)}
    for (row, step), value in cells.items():
        if row in at_row:
            values[at_row[row], at_step[step]] = value if math.isfinite(value) else np.inf
    values, steps = _fewer_columns(values, steps)
    kept = _kept_rows(values)
    left_out = len(rows) - len(kept)
    values, rows = values[kept], [rows[i] for i in kept]
    shown = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    scale = np.log10(shown) if logarithmic else shown
    low, high = (float(scale.min()), float(scale.max())) if len(scale) else (0.0, 1.0)
    if not logarithmic:
        low, high = 0.0, max(high, 1.0)
    return HeatMap(
        name, title, meaning, rows, steps, logarithmic, low, high, _encode(values, low, high, logarithmic), left_out
    )


def _fewer_columns(values: Floats, steps: list[int]) -> tuple[Floats, list[int]]:
    if len(steps) <= MOST_COLUMNS:
        return values, steps
    starts = np.unique(np.linspace(0, len(steps), MOST_COLUMNS, endpoint=False).astype(int))
    # A column that was measured nowhere stays so: NaN loses against everything.
    merged = np.fmax.reduceat(values, starts, axis=1)
    return merged, [steps[i] for i in starts]


def _kept_rows(values: Floats) -> list[int]:
    """At most MOST_ROWS: those with a number that is not finite, then evenly chosen ones."""
    count = len(values)
    if count <= MOST_ROWS:
        return list(range(count))
    odd = np.flatnonzero(np.isinf(values).any(axis=1))[: MOST_ROWS // 2]
    even = np.linspace(0, count - 1, MOST_ROWS - len(odd)).astype(int)
    return sorted({*odd.tolist(), *even.tolist()})


def _encode(values: Floats, low: float, high: float, logarithmic: bool) -> str:
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.log10(values) if logarithmic else values
        share = (scale - low) / (high - low) if high > low else np.full_like(values, 0.5)
    codes = np.nan_to_num(np.round(LOWEST + np.clip(share, 0, 1) * (HIGHEST - LOWEST)), nan=MISSING).astype("<u2")
    codes[np.isnan(values)] = MISSING
    codes[values == 0] = ZERO
    codes[np.isinf(values)] = NOT_FINITE
    return base64.b64encode(codes.tobytes()).decode()
