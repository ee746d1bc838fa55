"""The loss of the end tokens, watched while the program trains as it does."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from flatline.interventions.base import Intervention
from flatline.interventions.points import Points
from flatline.observe.patching import unseen


class Ending(Intervention):
    """Gives the cross entropy the value that it has for the first masked target after each run of targets that count.

    Where the program masks the losses of single tokens by itself, that is the first end token of each row, and every one of
    these losses gets that value, so that their mean over any mask is it.

    Its gradient stays what it is, and so do the weights: the loss curve of the trial tells whether the model, trained as
    it is, learns what it would have to say there.

    Patch point: ``cross_entropy``, where it gives one number and ignores some targets, or one for each target [N, T]. Left
    as it is: everything but the value of the loss.

    Args:
        token: what would stand in the masked places.
    """

    name = "ending"

    def __init__(self, token: int = 0) -> None:
        self._token = token

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.patches.replace(F, "cross_entropy", self._valued)

    def _valued(self, original: Any) -> Any:
        def cross_entropy(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if isinstance(result, torch.Tensor) and result.requires_grad:
                value = self._points.attempt(self.name, self._value, original, args, kwargs)
                if isinstance(value, torch.Tensor):
                    self._points.acted(self.name)
                    return result - result.detach() + value
            return result

        return unseen(cross_entropy, original)

    def _value(self, original: Any, args: Any, kwargs: Any) -> torch.Tensor | None:
        given, target = args[0], args[1] if len(args) > 1 else kwargs["target"]
        if given.dim() == 3 and target.dim() == 2 and kwargs.get("reduction") == "none":
            return self._first_ends(original, given.detach(), target)
        if given.dim() != 2 or target.dim() != 1 or kwargs.get("reduction", "mean") == "none":
            return None
        counts = target != kwargs.get("ignore_index", -100)
        places = torch.nonzero(~counts[1:] & counts[:-1]).flatten() + 1
        if not len(places):
            return None
        with torch.no_grad():
            wanted: torch.Tensor = original(given.detach()[places], torch.full_like(places, self._token))
        return wanted

    def _first_ends(self, original: Any, given: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
        """The mean loss of the first end token of each row, of scores [N, C, T] and targets [N, T]."""
        ends = target == self._token
        first = ends & (ends.cumsum(1) == 1)
        # A row of nothing but padding has no end.
        first[:, 0] = False
        rows, places = first.nonzero(as_tuple=True)
        if not len(rows):
            return None
        with torch.no_grad():
            wanted: torch.Tensor = original(given[rows, :, places], target[rows, places])
        return wanted
