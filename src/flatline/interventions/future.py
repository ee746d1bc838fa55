"""Other tokens after a place, in a model that has learned on the program's own."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import Points

_CLASSIFIES = ("cross_entropy", "nll_loss")
IGNORED = -100


class Future(Intervention):
    """From a step on, the second half of each sequence is random, and the loss is taken where the model is asked for its
    first tokens.

    There a model that looks back only gives the outputs that it would have given, so its loss goes on as it was. One that
    sees what it is asked for is now shown something else, and its loss jumps.

    Patch points: calls of top-level modules, where a tensor of whole numbers of shape [N, T] is given; ``cross_entropy``
    and ``nll_loss``, where all targets but those of the last ``shift`` places before the change get the ignore index. Left
    as it is: everything before that step; the targets themselves, which are the program's own tokens; targets that are not
    one for each place; the random numbers.

    Args:
        after: steps (calls of the criterion under gradients) that are left as they are.
        shift: how many places further on in the input the target of a place stands; at least 1.
    """

    name = "future"

    def __init__(self, after: int = 0, shift: int = 1) -> None:
        if shift < 1:
            raise TypeError("a target at the same place is not in the future")
        self._after, self._shift = after, shift
        self._seen = 0
        self._given: tuple[int, int] | None = None
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_criterion.append((self.name, self._criterion))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        self._given = None
        if self._seen < self._after or not torch.is_grad_enabled():
            return
        for index, value in enumerate(args):
            if isinstance(value, torch.Tensor) and value.dim() == 2 and not value.is_floating_point():
                rows, length = value.shape
                cut = length // 2
                if cut < 1 or value.dtype is torch.bool:
                    return
                words = torch.unique(value)
                pick = torch.randint(0, len(words), (rows, length - cut), generator=self._generator)
                changed = value.clone()
                changed[:, cut:] = words[pick.to(value.device)]
                args[index], self._given = changed, (rows, cut)
                return

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        given, target = arguments.get("input"), arguments.get("target")
        if name not in _CLASSIFIES or not isinstance(target, torch.Tensor) or not isinstance(given, torch.Tensor):
            return
        if given.requires_grad:
            self._seen += 1
        if self._given is None or target.is_floating_point() or target.numel() % self._given[0]:
            return
        rows, cut = self._given
        places = target.reshape(rows, -1).clone()
        if places.shape[1] < cut:
            return
        ignored = arguments.get("ignore_index", IGNORED)
        # Before these, the target is a token that is still there; after them, the model sees what was changed in any case.
        places[:, : max(0, cut - self._shift)] = ignored
        places[:, cut:] = ignored
        arguments["target"] = places.reshape(target.shape)
        self._points.acted(self.name)
