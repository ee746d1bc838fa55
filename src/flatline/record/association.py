"""Whether targets can be predicted from inputs at all: tests on the rows that were kept.

A test that finds nothing proves nothing by itself; it says how strong a relation it would have found.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatline.record.recording import Floats, Recording

# A correlation of 0.2 has p = 1e-8 in so many rows: weaker relations are of no help to a training either. The time of
# the probes grows with the square of the rows, and with the features: a tenth of a second or so each on one core.
MOST_ROWS = 800
MOST_FEATURES = 1000
# Tried one by one: a product for each, so that many more are affordable.
MOST_SINGLE = 16384
# The customary number.
FOLDS = 5
# torch's ignore_index: which places are masked is no label.
IGNORED = -100
# Three kinds of test at one in a thousand each: about one false find in 300 programs without signal.
SIGNIFICANT = 1e-3
RANDOM_FEATURES = 256
# The null is described by three moments; their errors fall with the root of the number of permutations.
MOST_PERMUTATIONS = 400
FEWEST_PERMUTATIONS = 100
BLOCK = 50
# A value so many deviations out is beyond 1e-6 for any null as skewed as these (an exponential one has e^-13); with 50
# permutations the deviation is known to a tenth, and no more of them are needed.
BEYOND = 15
# So many stronger ones among permuted targets, and the chance is known well enough to be called high.
ENOUGH_ABOVE = 10
# The usual least count behind a cell of a contingency table.
ENOUGH_ROWS = 5
# About a second of multiplications on one core.
MOST_PRODUCTS = 2e9

SINGLE = "a single feature"


@dataclass
class Association:
    """The strongest relation found between inputs and targets.

    ``p`` is the chance of so strong a relation without any (corrected for the number of features tried); ``score``
    the cross-validated accuracy or R² of the best probe, or the correlation of a single feature, as ``measure`` says;
    ``baseline`` what a constant prediction has; ``detectable`` the accuracy or R² that would have been found with
    probability above 0.99.
    """

    rows: int
    features: int
    method: str
    p: float
    score: float
    baseline: float
    detectable: float
    classification: bool

    @property
    def found(self) -> bool:
        return self.p < SIGNIFICANT

    @property
    def measure(self) -> str:
        """What ``score`` is."""
        if self.method == SINGLE:
            return "correlation"
        return "accuracy" if self.classification else "R²"


def pairs(recording: Recording, evaluation: bool = False) -> tuple[Floats, NDArray[Any]] | None:
    """Distinct rows of the model's first input, as features, with their targets; None when they do not line up.

    Inputs [N, …] are flattened to [N, d]; integer inputs become counts of values and the value at each position.
    Targets are [N], or [N, 1], or the class of one-hot rows. Rows that hold NaN or a masked target are left out.
    """
    kept_inputs: list[NDArray[Any]] = []
    kept_targets: list[NDArray[Any]] = []
    seen: Counter[bytes] = Counter()
    for rows in recording.rows:
        if rows.gradient == evaluation or rows.target is None or not rows.inputs:
            continue
        x, y = rows.inputs[0], _labels(rows.target)
        if y is None or x.ndim == 0 or len(x) == 0:
            continue
        # A text gives a row for each of its tokens, [B, T] and [B * T]; it is known again as a whole.
        tokens = x.shape[1] if x.ndim == 2 and len(y) == x.size and len(y) != len(x) else 1
        if len(y) != tokens * len(x):
            continue
        x, y = x.reshape(len(y), -1), y.reshape(-1)
        # Equal images are one image seen twice. Equal numbers stand for as many rows as one step has of them.
        often = tokens == 1 and x.shape[1] == 1 and x.dtype.kind == "i"
        here: Counter[bytes] = Counter()
        for start in range(0, len(y), tokens):
            row, target = x[start : start + tokens], y[start : start + tokens]
            key = row.tobytes() + target.tobytes()
            here[key] += 1
            if seen[key] < (here[key] if often else 1):
                seen[key] += 1
                kept_inputs.append(row)
                kept_targets.append(target)
        if sum(map(len, kept_targets)) >= MOST_ROWS:
            break
    if len({x.shape[1:] for x in kept_inputs}) != 1:
        return None
    x, y = np.concatenate(kept_inputs)[:MOST_ROWS], np.concatenate(kept_targets)[:MOST_ROWS]
    good = np.isfinite(x).all(1) & np.isfinite(y.astype(float)) & ((y != IGNORED) | (y.dtype.kind != "i"))
    return (features(x[good]), y[good]) if good.any() else None


def associate(recording: Recording) -> Association | None:
    """Tests single features, a ridge probe on the features, and one on random ReLU features.

    None when the kept rows are fewer than 30, do not line up, or have constant targets.
    """
    found = pairs(recording)
    return relation(*found) if found is not None else None


def relation(x: Floats, y: NDArray[Any]) -> Association | None:
    """The same for features [N, d] and targets [N]."""
    if len(y) < 30 or len(np.unique(y)) < 2:
        return None
    if x.shape[1] > MOST_SINGLE:
        x = x[:, :: math.ceil(x.shape[1] / MOST_SINGLE)]
    deviation = x.std(0)
    x = x[:, deviation > 1e-9 * np.maximum(np.abs(x).max(0), 1e-30)]
    if x.shape[1] == 0:
        return Association(len(y), 0, "constant inputs", 1.0, 0.0, 0.0, 0.0, True)
    x = (x - x.mean(0)) / x.std(0)
    classes = np.unique(y)
    classification = len(classes) <= max(2, min(64, len(y) // 5)) and np.allclose(y, np.round(y))
    order = np.random.default_rng(0).permutation(len(y))
    x, y = x[order], y[order]
    onehot = (y[:, None] == classes[None]).astype(float) if classification else y[:, None].astype(float)
    onehot = onehot - onehot.mean(0)
    best = Association(len(y), x.shape[1], "", 1.0, 0.0, _baseline(y, classification), 0.0, classification)
    best.detectable = _detectable(len(y), best.baseline, classification)
    tame = _tamed(x).astype(np.float32)
    strength, p = _permuted(lambda columns: np.abs(tame.T @ columns) / len(y), onehot, len(x.T))
    _keep(best, SINGLE, p, strength)
    # The probes look at all features together, and lose little by a part of them; a single one may be any.
    x = x[:, :: math.ceil(x.shape[1] / MOST_FEATURES)]
    for method, smoother in (
        ("a linear probe", _ridge(x)),
        ("a probe on random features", _ridge(_random_features(x))),
        ("nearest neighbours", _neighbours(x)),
    ):
        # 24 bits are far finer than the null is known, and twice as fast.
        single = smoother.astype(np.float32)
        strength, p = _permuted(lambda columns, s=single: _agreement(s, columns), onehot, len(y))  # type: ignore[misc]
        _keep(best, method, p, _accuracy(smoother @ onehot, y, classes, onehot) if classification else strength**2)
    return best


def _permuted(strength: Callable[[Any], Any], targets: Floats, width: int) -> tuple[float, float]:
    """The greatest strength over the columns of ``targets`` [N, C], and the chance of one so great without a relation.

    ``strength`` gives a row or several of numbers for columns of mean 0 and deviation 1. The chance comes from
    permuted targets: a smoother's own correlation with its targets is wider than that of two independent columns,
    so no formula for the latter holds.
    """
    rows, classes = targets.shape
    scaled = _tamed(targets / np.maximum(targets.std(0), 1e-12)).astype(np.float32)
    real = float(strength(scaled).max())
    generator = np.random.default_rng(2)
    times = int(np.clip(MOST_PRODUCTS / (rows * width * classes), FEWEST_PERMUTATIONS, MOST_PERMUTATIONS))
    null: list[Floats] = []
    for _ in range(0, times, BLOCK):
        orders = np.stack([generator.permutation(rows) for _ in range(BLOCK)], 1)  # [N, block]
        found = strength(scaled[orders].reshape(rows, -1))  # [N, block, C] -> [N, block * C]
        null.append(found.reshape(-1, BLOCK, classes).max((0, 2)))
        drawn = np.concatenate(null)
        if real - drawn.mean() > BEYOND * drawn.std():
            break
        above = drawn >= real
        if above.sum() >= ENOUGH_ABOVE:
            return max(real, 0.0), float(above.mean())
    return max(real, 0.0), _upper_tail(real, np.concatenate(null))


def _tamed(x: Floats) -> Floats:
    """Columns of deviation 1 with their outliers pulled in: a rare value that meets a rare class once is no relation,
    and among many of both such meetings would hide one."""
    most = math.sqrt(len(x) / ENOUGH_ROWS)
    return np.clip(x, -most, most)


def _upper_tail(value: float, null: Floats) -> float:
    """The chance of a greater value, from a sample of the null: a Pearson III fit, in Wilson and Hilferty's form.

    Three moments, because the null of a greatest value and of a quadratic form leans to the right.
    """
    deviation = float(null.std())
    if deviation < 1e-12:
        return 1.0 if value <= float(null.max()) + 1e-12 else 0.0
    z = (value - float(null.mean())) / deviation
    skew = max(float((((null - null.mean()) / deviation) ** 3).mean()), 1e-3)
    root = max(skew * z / 2 + 1, 0.0) ** (1 / 3)
    return math.erfc((6 / skew * (root - 1) + skew / 6) / math.sqrt(2)) / 2


def _agreement(smoother: Floats, targets: Floats) -> Floats:
    """Correlation of each column with what the smoother predicts for it from the other rows."""
    predicted: Floats = smoother @ targets
    predicted -= predicted.mean(0)
    return np.asarray((predicted * targets).mean(0) / np.maximum(predicted.std(0), 1e-12))


def _accuracy(predicted: Floats, y: NDArray[Any], classes: NDArray[Any], onehot: Floats) -> float:
    share = np.array([(y == c).mean() for c in classes])
    return float((classes[(predicted + share).argmax(1)] == y).mean())


def _keep(best: Association, method: str, p: float, score: float) -> None:
    if p < best.p or not best.method:
        best.method, best.p, best.score = method, p, score


def _labels(y: NDArray[Any]) -> NDArray[Any] | None:
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.dtype.kind == "f" and np.allclose(y.sum(1), 1) and set(np.unique(y)) <= {0.0, 1.0}:
        return np.asarray(y.argmax(1))
    if y.ndim == 2 and y.dtype.kind == "i":
        return y.reshape(-1)
    return y if y.ndim == 1 else None


def features(x: NDArray[Any]) -> Floats:
    if x.dtype.kind != "i":
        x = x.astype(np.float64)
        # Textures show in no single pixel: a few summaries of each row stand beside the values themselves.
        summary = np.stack(
            [
                x.mean(1),
                x.std(1),
                np.abs(np.diff(x, axis=1)).mean(1) if x.shape[1] > 1 else x[:, 0],
                x.max(1),
                x.min(1),
            ],
            1,
        )
        return np.concatenate([x, summary], 1)
    values = np.unique(x)[:256]
    parts = [(x == v).mean(1, keepdims=True) for v in values]
    if x.shape[1] * len(values) <= MOST_FEATURES:
        parts += [(x == v).astype(np.float64) for v in values]
    parts.append(x.astype(np.float64))
    return np.concatenate(parts, 1)


def _baseline(y: NDArray[Any], classification: bool) -> float:
    return float(np.unique(y, return_counts=True)[1].max() / len(y)) if classification else 0.0


def _detectable(rows: int, baseline: float, classification: bool) -> float:
    """The score found with power 0.99 at the significance used: (z_alpha + z_beta) standard errors above chance."""
    deviations = 3.09 + 2.33
    if classification:
        return min(1.0, baseline + deviations * math.sqrt(baseline * (1 - baseline) / rows))
    return min(1.0, deviations / math.sqrt(rows)) ** 2


def _ridge(x: Floats) -> Floats:
    """The matrix [N, N] that gives the out-of-fold predictions of a ridge regression from its targets.

    The penalty is a tenth of the mean feature energy.
    """
    smoother = np.zeros((len(x), len(x)))
    for fold in range(FOLDS):
        test = np.arange(len(x)) % FOLDS == fold
        a, b = x[~test], x[test]
        penalty = max(float((a**2).sum()) / min(a.shape), 1e-9) * 0.1
        if a.shape[1] <= a.shape[0]:
            weights = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T)
        else:
            weights = a.T @ np.linalg.inv(a @ a.T + penalty * np.eye(a.shape[0]))
        smoother[np.ix_(test, ~test)] = b @ weights
    return smoother


def _random_features(x: Floats) -> Floats:
    generator = np.random.default_rng(1)
    weights = generator.standard_normal((x.shape[1], RANDOM_FEATURES)) / math.sqrt(x.shape[1])
    features = np.maximum(x @ weights + generator.standard_normal(RANDOM_FEATURES), 0)
    return np.asarray(features - features.mean(0))


def _neighbours(x: Floats) -> Floats:
    """The matrix [N, N] that averages the targets of the nearest other rows."""
    squares = (x**2).sum(1)
    distance = squares[:, None] + squares[None] - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    k = min(7, len(x) - 1)
    smoother: Floats = np.zeros_like(distance)
    np.put_along_axis(smoother, np.argpartition(distance, k, axis=1)[:, :k], 1 / k, 1)
    return smoother
