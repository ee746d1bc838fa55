"""What a sight in a log says of each cause: which fits, which facts speak against it, and how often it was the reason.

``reports`` counts the real reports in which the cause was established or probable, from the survey of threads that the
catalogue was built from (rows Z1 to Z14, F1 to F19); 1 where it was not counted. They are shares of what people reported,
not of what happens: they order the list, and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bearing:
    """One cause under one sight.

    Attributes:
        cause: its name in the catalogue.
        reports: how many real reports of this sight had it.
        against: facts that exclude it.
        speaks: facts that it explains and most others do not.
        needs: facts of which the log must show one before the cause is considered.
    """

    cause: str
    reports: int
    against: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


# A loss that has no gradient cannot have one; a NaN would show in the norm of the gradients.
_NO_GRADIENT = ("gradient-positive", "gradient-nan")
_NOT_FINITE = ("gradient-zero", "gradient-positive")

ZERO = (
    Bearing("numeric-overflow", 18, _NOT_FINITE, ("gradient-nan", "evaluation-nan", "sudden", "rose")),
    Bearing("all-targets-masked", 16, ("gradient-positive", "decays"), ("from-first-step", "gradient-zero", "gradient-nan")),
    Bearing("no-positive-targets", 13, (*_NO_GRADIENT, "decays"), ("from-first-step", "gradient-zero")),
    Bearing("reporting-bug", 12, ("gradient-zero", "gradient-nan"), ("gradient-positive", "evaluation-positive")),
    Bearing("answer-visible", 12, ("from-first-step", "gradient-nan", "sudden"), ("decays", "evaluation-zero")),
    Bearing("non-finite-data", 11, _NOT_FINITE, ("gradient-nan", "evaluation-nan")),
    Bearing(
        "one-class-softmax", 10, (*_NO_GRADIENT, "later", "evaluation-positive", "evaluation-nan"),
        ("from-first-step", "gradient-zero", "evaluation-zero"),
    ),
    Bearing("empty-epoch", 7, ("from-first-step", "decays", "gradient-positive"), ("sudden",)),
    Bearing("constant-targets", 6, ("from-first-step", "gradient-nan", "sudden"), ("decays", "evaluation-zero")),
    Bearing("inactive-margin", 5, _NO_GRADIENT, ("contrast", "gradient-zero")),
    Bearing("distributed-numerics", 4, _NOT_FINITE, ("gradient-nan",)),
    Bearing("ctc-impossible-alignment", 4, _NO_GRADIENT, ("gradient-zero",), ("ctc",)),
    Bearing("zero-by-design", 4, ("gradient-zero", "gradient-nan", "decays"), ("gradient-positive", "rewards-differ")),
    Bearing("gan-imbalance", 4, ("from-first-step",), (), ("two-players",)),
    Bearing("posterior-collapse", 3, ("from-first-step",), (), ("kl-term",)),
    Bearing("no-contrast", 2, ("gradient-positive", "rewards-differ"), ("rewards-equal", "gradient-zero")),
    Bearing("honest-fit", 1, ("from-first-step", "sudden", "gradient-nan"), ("decays",), ("decays",)),
)  # fmt: skip

# Numbers that went wrong on the way go wrong on the way back as well; a mean over nothing has a gradient of 0.
NON_FINITE = (
    Bearing("numeric-overflow", 18, ("recovers", "gradient-zero"), ("rose", "scale-gone")),
    Bearing(
        "all-targets-masked",
        16,
        ("rose", "gradient-positive"),
        ("from-first-step", "recovers", "gradient-zero", "gradient-nan"),
    ),
    Bearing("non-finite-data", 11, ("rose", "gradient-zero"), ("from-first-step", "did-not-rise")),
    Bearing("empty-epoch", 7, ("from-first-step", "rose"), ("sudden",), ("whole-epochs",)),
    Bearing("learning-rate-too-high", 4, ("from-first-step", "rate-zero", "recovers", "gradient-zero"), ("rose",)),
    Bearing("distributed-numerics", 4, ("recovers", "gradient-zero")),
    Bearing("target-out-of-domain", 2, ("rose", "gradient-zero"), ("from-first-step",)),
    Bearing(
        "exploding-gradient",
        1,
        ("from-first-step", "rate-zero", "recovers", "gradient-zero"),
        ("rose", "gradient-grows"),
    ),
    Bearing("momentum-too-high", 1, ("from-first-step", "rate-zero", "recovers", "gradient-zero"), ("rose",)),
    Bearing("loss-scale-collapse", 1, ("scale-kept",), ("scale-gone",), ("scale-gone",)),
)

CONSTANT = (
    Bearing("graph-cut", 7, _NO_GRADIENT, ("gradient-zero",)),
    Bearing("parameters-not-optimized", 6, (), ("gradient-positive",)),
    Bearing("learning-rate-zero", 5, ("rate-positive",), ("rate-zero", "gradient-positive")),
    Bearing("dead-relu", 3, _NO_GRADIENT, ("gradient-zero",)),
    Bearing("embedding-collapse", 3, ("gradient-nan",), ("contrast",), ("contrast",)),
    Bearing("inactive-margin", 5, _NO_GRADIENT, ("contrast",), ("contrast",)),
    Bearing("vanishing-gradient", 1, ("gradient-nan",), ("gradient-zero",)),
    Bearing("loss-scale-collapse", 1, ("scale-kept", "gradient-positive"), ("scale-gone", "gradient-nan")),
)

RISING = (
    Bearing("gradients-not-cleared", 5, ("rate-zero",), ("gradient-grows",)),
    Bearing("learning-rate-too-high", 4, ("rate-zero",)),
    Bearing("gan-imbalance", 4, (), (), ("two-players",)),
    Bearing("exploding-gradient", 1, ("rate-zero",), ("gradient-grows",)),
    Bearing("momentum-too-high", 1, ("rate-zero",)),
)

CHANCE = (
    Bearing("graph-cut", 7, _NO_GRADIENT, ("gradient-zero",)),
    Bearing("parameters-not-optimized", 6, (), ("gradient-positive",)),
    Bearing("learning-rate-zero", 5, ("rate-positive",), ("rate-zero",)),
    Bearing("softmax-before-cross-entropy", 5, ("gradient-zero",), ()),
    Bearing("learning-rate-too-high", 4, ("rate-zero",), ()),
    Bearing("inputs-unrelated", 3, ("gradient-zero",), ("gradient-positive",)),
    Bearing("double-sigmoid", 3, ("gradient-zero",), ()),
    Bearing("dead-relu", 3, _NO_GRADIENT, ("gradient-zero",)),
    Bearing("no-signal", 1, ("gradient-zero",), ("gradient-positive",)),
    Bearing("too-few-steps", 1, ("gradient-zero",), ()),
    Bearing("symmetric-initialization", 1, (), ()),
    Bearing("vanishing-gradient", 1, (), ("gradient-zero",)),
)

NEAR_ZERO = (
    Bearing("answer-visible", 12, ("evaluation-high",), ("evaluation-low",)),
    Bearing("constant-targets", 6, ("evaluation-high",), ("evaluation-low",)),
    Bearing("honest-fit", 1, (), ("evaluation-high",)),
    Bearing("label-in-input", 1, ("evaluation-high",), ("evaluation-low",)),
    Bearing("duplicate-data", 1, (), ()),
)

MOVES_NOTHING = (Bearing("learning-rate-zero", 5, ("rate-positive",), ("rate-zero",)),)

BEARINGS: dict[str, tuple[Bearing, ...]] = {
    "zero-loss": ZERO,
    "non-finite-loss": NON_FINITE,
    "nothing-moves": MOVES_NOTHING,
    "constant-loss": CONSTANT,
    "rising-loss": RISING,
    "chance-plateau": CHANCE,
    "near-zero-loss": NEAR_ZERO,
}
# Reports of each sight whose cause was never established (column N of the same rows): they may have had any.
UNSOLVED = {"zero-loss": 35, "non-finite-loss": 17}
UNSOLVED_ELSE = 5
# What only a changed program can show: how it trains at another rate, with other labels, with a larger model.
BY_EXPERIMENT = {
    "learning-rate-too-high",
    "momentum-too-high",
    "exploding-gradient",
    "no-signal",
    "insufficient-capacity",
}
