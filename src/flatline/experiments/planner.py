"""Which experiment comes next, and when enough is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flatline.causes.base import Decision, Experiment, Found, Level, Outcome

# The chance that a cause is the right one, before any experiment: what was measured for a likely one; half of it for
# one that merely fits; one in ten where nothing could be measured.
_FITS, _UNMEASURED = 0.5, 0.1


@dataclass
class Candidate:
    """A cause that may be tested.

    ``experiments`` are its own, cheapest first; ``tried`` is how many of them have been run.
    """

    cause: str
    decision: Decision
    experiments: list[Experiment]
    tried: int = 0
    outcome: Outcome | None = field(default=None)

    @property
    def open(self) -> bool:
        return self.outcome in (None, Outcome.UNDECIDED) and self.tried < len(self.experiments)

    @property
    def next(self) -> Experiment:
        return self.experiments[self.tried]

    @property
    def suspected(self) -> bool:
        """Whether the measurements establish it already, so that the user is owed a test of it."""
        return isinstance(self.decision, Found) and self.decision.level is not Level.POSSIBLE

    @property
    def chance(self) -> float:
        if not isinstance(self.decision, Found):
            return _UNMEASURED
        confidence = min(max(self.decision.confidence, 0.0), 1.0)
        return confidence if self.suspected else _FITS * confidence


def decided(candidates: Sequence[Candidate]) -> bool:
    """Whether more experiments can change what the user should do: a cause is proven and no likely one is untested."""
    still = [c for c in candidates if c.open]
    if any(c.suspected for c in still):
        return False
    return not still or any(c.outcome is Outcome.CONFIRMED for c in candidates)


def in_order(candidates: Sequence[Candidate], cost: Callable[[Experiment], float]) -> list[Candidate]:
    """The candidates whose experiments should come next, best first.

    Those that the measurements establish come before those that merely fit. Among them, what an experiment is expected
    to tell, in bits, is weighed against what it costs; one trial that serves several causes tells of all of them.

    Args:
        candidates: all of them; what is not open is left out.
        cost: steps that have yet to be run for an experiment, 0 when its runs are there already.
    """
    still = [c for c in candidates if c.open]

    def worth(candidate: Candidate) -> tuple[bool, float, float]:
        shared = [c for c in still if same_trial(c.next, candidate.next)]
        bits = sum(_entropy(c.chance) for c in shared)
        price = cost(candidate.next)
        return candidate.suspected, math.inf if price <= 0 else bits / price, candidate.chance

    return sorted(still, key=worth, reverse=True)


def same_trial(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments need the same runs."""
    return all(getattr(one, part) == getattr(other, part) for part in ("changes", "also", "steps", "seeds"))


def _entropy(chance: float) -> float:
    if not 0 < chance < 1:
        return 1e-6
    return -chance * math.log2(chance) - (1 - chance) * math.log2(1 - chance)
