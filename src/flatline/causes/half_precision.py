"""What 16 bits do to numbers, weights and updates: the part of numeric-overflow that depends on the type."""

from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Evidence, Found, Level
from flatline.causes.case import REGRESSION, Case, number
from flatline.causes.non_finite import HALF, dtype_of, half_in_trail, half_line, weights_lost
from flatline.observe.events import Forward, HalfOverflow, LearningRate
from flatline.record.recording import Line

# Half of the smallest number above 0 that float16 has, 2^-24: anything below is rounded to 0.
SMALLEST_HALF = 2.0**-25
# (2 - 2^-10) 2^15, the greatest number of float16 (IEEE 754).
LARGEST_HALF = 65504.0
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


def epsilon(case: Case) -> Found | None:
    """A step on finite gradients made float16 weights NaN: Adam divided by 0, because its eps is 0 in half."""
    lost = weights_lost(case)
    if lost is None:
        return None
    update, weights = lost
    clean = [p for p in weights if not p.non_finite_gradient and dtype_of(case, p.parameter) in HALF]
    if not clean:
        return None
    optimizer = case.recording.optimizers.get(update.optimizer)
    eps = optimizer.options.get("eps") if optimizer is not None else None
    evidence = [
        Evidence("type of the weights", dtype_of(case, clean[0].parameter), "float32"),
        Evidence(f"weights that step {update.step} made NaN from finite gradients", str(len(clean)), "0"),
    ]
    small = isinstance(eps, float) and eps < SMALLEST_HALF
    if small:
        evidence.append(Evidence("the optimizer's eps, in float16", f"{eps:g} is rounded to 0", "at least 6e-8"))
    return Found(
        Level.LIKELY,
        0.98 if small else 0.9,
        half_line(case, of_model=True) or case.optimizer_line,
        evidence,
        "Keep the weights in float32 and use autocast (bfloat16, or float16 with GradScaler); or at least give "
        "the optimizer eps=1e-4.",
    )


def moments(case: Case) -> Found | None:
    """A step of Adam beyond what Adam can do: squares of gradients became 0 in float16, and eps did too.

    No element moves by more than the rate times (1 - beta1) / sqrt(1 - beta2), or the rate where that is less
    (Kingma and Ba 2015, section 2.1).
    """
    for update in case.updates:
        optimizer = case.recording.optimizers.get(update.optimizer)
        if optimizer is None or "adam" not in optimizer.name.lower():
            continue
        eps, betas = optimizer.options.get("eps"), optimizer.options.get("betas")
        known = [r for r in case.recording.all(LearningRate) if r.step <= update.step]
        if not isinstance(eps, float) or eps >= SMALLEST_HALF or not betas or not known:
            continue
        most = max(known[-1].rates) * max(1.0, (1 - betas[0]) / math.sqrt(max(1 - betas[1], 1e-12)))
        for facts in update.parameters:
            seen = case.recording.parameters.get(facts.parameter)
            if seen is None or seen.dtype != "float16" or facts.non_finite_gradient:
                continue
            bound = most * math.sqrt(math.prod(seen.shape))
            # Twice: for the weight decay, and for rounding to 16 bits.
            if math.isfinite(facts.update) and facts.update > 2 * bound > 0:
                return Found(
                    Level.LIKELY,
                    0.97,
                    half_line(case, of_model=True) or case.optimizer_line,
                    [
                        Evidence("type of the weights", "float16", "float32"),
                        Evidence(
                            f"length of the update of {case.recording.parameter_name(facts.parameter)}, step "
                            f"{update.step}",
                            number(facts.update),
                            f"at most {number(bound)}, the limit of {optimizer.name} at this rate",
                        ),
                        Evidence("the optimizer's eps, in float16", f"{eps:g} is rounded to 0", "at least 6e-8"),
                    ],
                    "Keep the weights in float32 and use autocast (bfloat16, or float16 with GradScaler); or at "
                    "least give the optimizer eps=1e-4.",
                )
    return None


def underflow(case: Case) -> Found | None:
    """A 16-bit loss of 0 that is not 0 when it is computed again from the same rows."""
    for call in case.calls_named("mse_loss", "smooth_l1_loss", "huber_loss", "expression", *REGRESSION):
        facts, target = call.input, call.target
        if call.value != 0 or facts is None or target is None or facts.dtype not in HALF:
            continue
        rows = next((r for r in case.recording.rows if r.tick == call.tick), None)
        if rows is None or rows.output is None or rows.target is None or rows.output.shape != rows.target.shape:
            continue
        error = float(np.sqrt(np.mean((rows.output.astype(float) - rows.target.astype(float)) ** 2)))
        # What rounding to this type leaves open anyway, with a decade to spare: a fit that good is a fit.
        size = max(abs(target.minimum), abs(target.maximum))
        if error <= 10 * EPSILON[facts.dtype] * size:
            continue
        return Found(
            Level.LIKELY,
            0.97,
            half_in_trail(case, call) or half_line(case, of_model=True) or case.call_line(call),
            [
                Evidence(f"loss in {facts.dtype}", "0", f"{number(error**2)}, computed from the same rows"),
                Evidence("typical distance of output and target", number(error)),
                Evidence("its square is rounded to 0 below", number(SMALLEST_HALF), f"in {facts.dtype}"),
            ],
            "Compute the loss in float32, or scale the targets to deviation 1 before the cast.",
        )
    return None


def half_data(case: Case) -> Found | None:
    """Data that overflowed in half precision before they reached the model."""
    found = case.recording.all(HalfOverflow)
    hurt = case.has("non-finite-loss", "nothing-moves", "zero-loss") or case.stuck
    if not found or not hurt:
        return None
    first = found[0]
    dead = [t for f in case.recording.all(Forward) for t in f.inputs if t.minimum == t.maximum == 0]
    evidence = [
        Evidence(
            f"infinite elements of a {first.dtype} tensor of shape {tuple(first.shape)} at step {first.step}",
            str(first.infinite),
            f"0: the largest float16 is {number(LARGEST_HALF)}",
        ),
    ]
    if dead:
        evidence.append(Evidence("what the model is given", "0 in every element", "inputs that differ"))
    line = case.recording.line(first.place)
    return Found(
        Level.LIKELY if dead or case.has("non-finite-loss") else Level.POSSIBLE,
        0.95 if dead else 0.6,
        _cast_near(case, line) or line,
        evidence,
        "Do this in float32, or scale the values down before the cast.",
    )


def _cast_near(case: Case, line: Line | None) -> Line | None:
    cast = half_line(case, of_model=False)
    return cast if cast is not None and line is not None and cast.file == line.file else None


def lost_updates(case: Case) -> Found | None:
    """16-bit weights that a step leaves as they are, because it is under half a unit of their last place."""
    rates = [max(r.rates) for r in case.recording.all(LearningRate) if r.rates]
    seen = [
        p
        for u in case.updates
        for p in u.parameters
        if p.has_gradient and p.gradient > 0 and dtype_of(case, p.parameter) in HALF
    ]
    if not seen or not rates or max(rates) <= 0 or any(p.moved for p in seen):
        return None
    kind = dtype_of(case, seen[0].parameter)
    return Found(
        Level.LIKELY,
        0.95,
        half_line(case, of_model=True) or case.optimizer_line,
        [
            Evidence(f"measured {kind} weights with a gradient that a step changed", f"0 of {len(seen)}", "all"),
            Evidence("learning rate", number(max(rates)), "above 0"),
            Evidence(f"smallest relative change that {kind} can hold", number(EPSILON[kind] / 2)),
        ],
        "Keep the weights in float32 and use autocast; updates are smaller than the spacing of 16-bit numbers.",
    )
