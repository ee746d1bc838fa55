"""Whether a softmax runs over samples, as in a contrastive loss, and not over classes."""

from __future__ import annotations

from flatline.causes.case import Case
from flatline.observe.events import CriterionCall
from flatline.record.provenance import made_at
from flatline.record.source import argument_name

# What makes scores of classes: a layer. Products and distances of what layers gave are similarities.
_LAYERS = ("Addmm", "Linear", "Convolution")
_SIMILARITIES = ("Mul", "Div", "Neg", "Mm", "Bmm", "EuclideanDist", "Cdist", "Sub", "Pow", "Exp", "SumBackward1")


def contrastive(case: Case, call: CriterionCall) -> bool:
    """Whether the logits of a cross entropy are a square table of similarities, each row's answer on the diagonal.

    Said of one row and one column by what made the logits, and by the targets being counted off (``arange``, ``eye``).
    """
    facts = call.input
    if facts is None or len(facts.shape) != 2 or facts.shape[0] != facts.shape[1] or facts.origin in _LAYERS:
        return False
    line = case.call_line(call)
    target = argument_name(case.recording, line, 1)
    if target is None:
        return facts.origin in _SIMILARITIES
    texts = [target, *(step.source for step in made_at(case.recording, line, target))]
    if any("arange" in text or "eye(" in text for text in texts):
        return True
    return facts.origin in _SIMILARITIES and facts.origin not in ("Mm", "Bmm", "Div", "Mul")
