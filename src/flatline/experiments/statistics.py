"""Exact tests for effects over seeds: a handful of runs allows no approximation."""

from __future__ import annotations

from collections.abc import Sequence

# A cause is called proven when the chance of an effect this clear without it is below 1 in 20 (Fisher's convention).
SIGNIFICANT = 0.05


def effect_p_value(control: Sequence[bool], trial: Sequence[bool]) -> float:
    """The chance of a difference this clear if the change does nothing: Fisher's exact test, one-sided.

    Args:
        control: for each run without the change, whether the symptom showed.
        trial: for each run with it.

    >>> round(effect_p_value([True] * 4, [False] * 4), 4)
    0.0143
    >>> effect_p_value([True, False], [True, False])
    0.8333333333333334
    """
    from scipy.stats import fisher_exact

    table = [[sum(control), len(control) - sum(control)], [sum(trial), len(trial) - sum(trial)]]
    return min(1.0, float(fisher_exact(table, alternative="greater")[1]))


def rank_p_value(without: Sequence[float], given: Sequence[float], lower: bool) -> float:
    """The chance of ranks this far apart if the change does nothing: the exact permutation test of Wilcoxon's rank sum.

    Ranks, because a loss may be infinite, and its scale means nothing across seeds; NaN counts as infinite.

    Args:
        without: a number for each run without the change, such as its last loss.
        given: for each run with it.
        lower: whether the change is to make it lower, or else higher.

    >>> round(rank_p_value([4.9, 0.92, 7.0, 5.0, 3.1], [0.42, 0.41, 0.45, 0.42, 0.43], lower=True), 4)
    0.004
    >>> rank_p_value([1.0, 2.0], [1.0, 2.0], lower=True)
    0.8333333333333334
    """
    import numpy as np
    from scipy.stats import permutation_test, rankdata

    values = np.nan_to_num(np.array([*without, *given], dtype=float), nan=np.inf, posinf=np.inf)
    ranks = rankdata(values)
    found = permutation_test(
        (ranks[: len(without)], ranks[len(without) :]),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater" if lower else "less",
    )
    return float(found.pvalue)


def sign_p_value(held: int, pairs: int) -> float:
    """The chance of a contrast that holds so often if under another seed it is as likely to fail: the exact sign test.

    For contrasts that are no presence or absence of a symptom, such as two curves that take the same course.

    >>> sign_p_value(5, 5), sign_p_value(4, 5)
    (0.03125, 0.1875)
    """
    from scipy.stats import binomtest

    return float(binomtest(held, pairs, 0.5, alternative="greater").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The values corrected for their number, so that the chance of any false one stays below the level.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def share_interval(shown: int, runs: int) -> tuple[float, float]:
    """Between which shares the truth lies with 95% confidence, when ``shown`` of ``runs`` were seen.

    C. Clopper and E. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934): exact.

    >>> [round(bound, 3) for bound in share_interval(0, 5)]
    [0.0, 0.522]
    """
    from scipy.stats import binomtest

    interval = binomtest(shown, runs).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)
