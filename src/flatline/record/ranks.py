"""The recordings of processes that trained together, laid side by side: weights, inputs, losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flatline.observe import events as e

if TYPE_CHECKING:
    from flatline.record.recording import Floats, Recording

# The distance between 1 and the next number; what is recorded is float32.
_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
_FLOAT32 = 2.0**-23
# Replicas that take the same updates differ by rounding at most: by some units in the last place, and by far less than
# they have moved. Replicas that learn from different batches differ by about as much as they have moved.
UNITS, SHARE = 8, 0.01
# The same tensor gives the same norm; other kernels sum in another order, which costs about the square root of the
# number of elements in units of the last place: under this for 2^16 of them.
ALIKE = 256 * _FLOAT32


@dataclass
class Parameter:
    """One weight on all ranks: ``apart`` is the greatest difference of its sampled elements between two ranks at the
    last common step, ``moved`` how far they have gone since the start, ``first`` the step before which they were first
    seen to differ (None: never). ``gradients``: whether its gradients had one norm on all ranks in each measured step,
    after the exchange; None when there were none, or all 0."""

    number: int
    name: str
    place: int | None
    first: int | None = None
    again: bool = False
    apart: float = 0.0
    moved: float = 0.0
    gradients: bool | None = None


@dataclass
class Replicas:
    """The weights that all ranks hold in full, under the same name and with the same shape.

    ``start`` is the first common step: nothing was updated before.
    """

    start: int
    last: int
    parameters: list[Parameter] = field(default_factory=list)

    @cached_property
    def apart(self) -> list[Parameter]:
        return [p for p in self.parameters if p.first is not None]


def first_to_go_wrong(ranks: list[Recording]) -> Recording:
    """The rank that stands for the run: whose loss was NaN or infinite first; else one whose loss is 0 when that of
    others is not; else the lowest."""
    zero = [idle(rank) for rank in ranks]
    some = any(zero) and not all(zero)

    def order(rank: Recording) -> tuple[bool, int, bool, int]:
        bad = rank.first_non_finite
        return bad is None, bad or 0, not (some and idle(rank)), rank.run.rank

    return min(ranks, key=order)


def trained(recording: Recording) -> list[Recording]:
    """The ranks that called backward."""
    return [rank for rank in recording.ranks if rank.optimised]


def idle(rank: Recording) -> bool:
    """Whether the optimised loss of a rank is exactly 0 in at least half of its steps."""
    return bool(rank.optimised) and float(np.mean(rank.optimised[0].values == 0)) >= 0.5


def replicas(recording: Recording) -> Replicas | None:
    """Compares the sampled weights of all ranks; None when there are no two ranks with weights of their own in full."""
    ranks = [r for r in recording.ranks if r.all(e.WeightSample)]
    if len(ranks) < 2:
        return None
    seen = [_samples(rank) for rank in ranks]
    steps = sorted(set.intersection(*(set(s) for s in seen)))
    shapes = [{n: (p.name, tuple(p.shape)) for n, p in rank.parameters.items()} for rank in ranks]
    common = [n for n in shapes[0] if all(one.get(n) == shapes[0][n] for one in shapes[1:])]
    if not steps or not common:
        return None
    result = Replicas(steps[0], steps[-1])
    for number in common:
        values = [[s[step][number] for s in seen] for step in steps if all(number in s[step] for s in seen)]
        if values:
            result.parameters.append(_compare(ranks, number, steps[-len(values) :], values))
    return result if result.parameters else None


def _samples(rank: Recording) -> dict[int, dict[int, Floats]]:
    """By step and parameter, the elements that were kept."""
    found: dict[int, dict[int, Floats]] = {}
    for sample in rank.all(e.WeightSample):
        parts = np.split(np.frombuffer(sample.data, np.float32).astype(float), np.cumsum(sample.counts)[:-1])
        found.setdefault(sample.step, {}).update(zip(sample.parameters, parts))
    return found


def _compare(ranks: list[Recording], number: int, steps: list[int], values: list[list[Floats]]) -> Parameter:
    seen = ranks[0].parameters[number]
    result = Parameter(number, ranks[0].parameter_name(number), seen.place)
    epsilon = _EPSILON.get(seen.dtype, _FLOAT32)
    for step, ranked in zip(steps, values):
        apart = max(float(np.abs(one - ranked[0]).max()) for one in ranked[1:])
        moved = max(float(np.abs(one - first).max()) for one, first in zip(ranked, values[0]))
        size = max(float(np.abs(one).max()) for one in ranked)
        # A comparison with NaN is false: what is not finite is told by other causes.
        differs = apart > UNITS * epsilon * size and apart > SHARE * moved
        if differs and result.first is None:
            result.first = step
        result.again |= result.first is not None and not differs
        result.apart, result.moved = apart, moved
    result.gradients = _alike(ranks, number)
    return result


def _alike(ranks: list[Recording], number: int) -> bool | None:
    norms: list[dict[int, float]] = []
    for rank in ranks:
        facts = [(u.step, p) for u in rank.all(e.Update) for p in u.parameters if p.parameter == number]
        norms.append({step: p.gradient for step, p in facts if p.has_gradient and np.isfinite(p.gradient)})
    told = [[n[step] for n in norms] for step in sorted(set.intersection(*(set(n) for n in norms)))]
    told = [row for row in told if max(row) > 0]
    return all(max(row) - min(row) <= ALIKE * max(row) for row in told) if told else None


@dataclass
class Inputs:
    """What the models were given on all ranks: in ``alike`` of ``steps`` common measured steps the same; ``kinds``
    counts how many different batches a rank saw in them."""

    steps: int
    alike: int
    kinds: int


def inputs(recording: Recording) -> Inputs:
    """Compares the inputs of training calls by their shapes, extremes, means and deviations, which agree to the last bit
    for the same numbers only."""
    seen: list[dict[int, list[str]]] = []
    for rank in recording.ranks:
        calls: dict[int, list[str]] = {}
        for forward in rank.all(e.Forward):
            if forward.gradient:
                facts = [(f.shape, f.minimum, f.maximum, f.mean, f.deviation) for f in forward.inputs]
                calls.setdefault(forward.step, []).append(repr(facts))
        seen.append(calls)
    steps = sorted(set.intersection(*(set(calls) for calls in seen))) if len(seen) > 1 else []
    alike = [step for step in steps if all(calls[step] == seen[0][step] for calls in seen[1:])]
    return Inputs(len(steps), len(alike), len({"".join(seen[0][step]) for step in steps}))


def averages(recording: Recording) -> str:
    """The wrapper that averages gradients over processes by itself (DistributedDataParallel, FSDP); "" without one."""
    names = [m.name for m in recording.all(e.ModelSeen)]
    return next((n for n in names if n == "DistributedDataParallel" or n.startswith(("FSDP", "FullySharded"))), "")


def wrapper(recording: Recording) -> str:
    """The same, or one that the source names and that was never called itself."""
    named = any("DistributedDataParallel" in text for text in recording.sources.values())
    return averages(recording) or ("DistributedDataParallel" if named else "")


def largest_exchange(recording: Recording) -> int:
    """The number of elements in the largest exchange that the program made by itself after the first step."""
    return max((c.elements for c in recording.all(e.Collective) if c.step > 0), default=0)


def exchanges_weights(recording: Recording) -> bool:
    return any(c.weights for c in recording.all(e.Collective))
