"""Other targets for the criterion."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data.dataloader import _BaseDataLoaderIter

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.formula import Formula
from flatline.interventions.points import PASS, Operation, Points
from flatline.observe.patching import unseen

_WAYS = ("permute", "shuffle", "shape", "clamp", "normalise", "finite", "plant")


class Targets(Intervention):
    """Changes the target that a loss is computed with.

    Patch points: the functional losses of ``torch.nn.functional`` (the modules call them) and ``cosine_similarity``; for a loss written as a
    formula, the operations on its line (see :mod:`flatline.interventions.formula`). Left as it is: whatever else the
    program does with its targets; the random numbers.

    Args:
        how: ``permute`` gives each sample the target of another one, in a new order at every call, so that nothing can
            be learned from them but how often each occurs; ``shuffle`` does so in one order for each size of a batch, which for
            training on the whole data is one permutation of the labels; ``shape`` gives them the shape of the prediction where both
            have as many elements; ``clamp`` brings them into ``[low, high]``; ``normalise`` makes them sum to 1 along
            dimension 1; ``finite`` puts 0 for what is NaN or infinite; ``plant`` writes one positive into a target that
            is 0 everywhere (for maps of more dimensions: in the batch of a loader), and gives an element to a loss that
            has none.
        low, high: the range of ``clamp``.
        scale: what ``clamp`` divides by first.
        line, file, shape, floating: where a formula stands, and the shape and kind of its target.
    """

    name = "targets"

    def __init__(
        self,
        how: str = "permute",
        low: float = 0.0,
        high: float = 1.0,
        scale: float = 1.0,
        line: int = 0,
        file: str = "",
        shape: list[int] | None = None,
        floating: bool = True,
    ) -> None:
        if how not in _WAYS:
            raise TypeError(f"targets cannot be changed by {how!r}")
        self._how, self._low, self._high, self._scale = how, low, high, scale
        self._formula = Formula(line, file, shape or [], floating)
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        self._output: torch.Tensor | None = None

    def before_probes(self, points: Points) -> None:
        self._points = points
        if self._how == "plant":
            points.on_result.append((self.name, self._seen))
            points.patches.replace(_BaseDataLoaderIter, "__next__", self._drawing)

    def after_probes(self, points: Points) -> None:
        points.on_criterion.append((self.name, self._criterion))
        self._formula.install(self.name, points, self._counted)
        if self._how == "permute":
            points.on_operation.append((self.name, self._similarity))

    def _drawing(self, original: Any) -> Any:
        def __next__(iterator: Any) -> Any:
            batch = original(iterator)
            if not isinstance(batch, (tuple, list)):
                return batch
            rest = [self._points.attempt(self.name, self._with_positive, part) for part in batch[1:]]
            return type(batch)([batch[0], *rest]) if all(part is not PASS for part in rest) else batch

        return unseen(__next__, original)

    def _with_positive(self, part: Any) -> Any:
        """A map of zeros, with a quarter of each of its rows set to 1."""
        empty = isinstance(part, torch.Tensor) and part.is_floating_point() and part.dim() > 2 and not bool(part.any())
        if not empty:
            return part
        planted = part.clone()
        flat = planted.reshape(part.shape[0], -1)
        flat[:, : max(1, flat.shape[1] // 4)] = 1.0
        self._points.acted(self.name)
        return planted

    def _seen(self, module: torch.nn.Module, result: Any) -> None:
        first = result
        while isinstance(first, (tuple, list)) and first:
            first = first[0]
        if isinstance(first, torch.Tensor) and first.requires_grad:
            self._output = first

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target, given = arguments.get("target"), arguments.get("input")
        if not isinstance(target, torch.Tensor) or not isinstance(given, torch.Tensor):
            return
        if self._how == "plant" and given.numel() == 0 and self._output is not None:
            self._give_element(arguments, given, target, self._output)
        elif target.dim() > 0:
            arguments["target"] = self._counted(target, given)

    def _similarity(self, operation: Operation) -> Any:
        """A loss out of cosines has the other of each pair for its target."""
        if operation.name == "cosine_similarity" and len(operation.args) > 1:
            first, second = operation.args[:2]
            if isinstance(second, torch.Tensor) and second.dim() > 1 and second.requires_grad:
                operation.args = (first, self._counted(second, first), *operation.args[2:])
        return PASS

    def _counted(self, target: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
        changed = self._changed(target, given)
        if changed is not target:
            self._points.acted(self.name)
        return changed

    def _changed(self, target: torch.Tensor, given: torch.Tensor | None) -> torch.Tensor:
        if self._how in ("permute", "shuffle"):
            if self._how == "shuffle":
                self._generator.manual_seed(OWN_SEED)
            # A batch of one sequence is permuted along the sequence.
            dimension = 1 if target.shape[0] == 1 and target.dim() > 1 else 0
            order = torch.randperm(target.shape[dimension], generator=self._generator)
            return target.index_select(dimension, order.to(target.device))
        if self._how == "shape":
            fits = given is not None and given.shape != target.shape and given.numel() == target.numel()
            return target.reshape(given.shape) if fits and given is not None else target
        if not target.is_floating_point():
            return target
        if self._how == "finite":
            return target if bool(torch.isfinite(target).all()) else torch.nan_to_num(target, 0.0, 0.0, 0.0)
        if self._how == "clamp":
            return (target / self._scale).clamp(self._low, self._high)
        if self._how == "plant":
            if target.dim() < 2 or bool(target.any()):
                return target
            planted = target.clone()
            planted.select(1, 0).fill_(1.0)
            return planted
        positive = target.clamp(min=0)
        return positive / positive.sum(1 if target.dim() > 1 else 0, keepdim=True).clamp(min=1e-12)

    def _give_element(
        self, arguments: dict[str, Any], given: torch.Tensor, target: torch.Tensor, output: torch.Tensor
    ) -> None:
        """One row of the model's own output, and a target of 1 (of class 0) for it."""
        shape = [size or 1 for size in given.shape]
        count = 1
        for size in shape:
            count *= size
        flat = output.reshape(-1)
        if flat.numel() < count:
            return
        arguments["input"] = flat[:count].reshape(shape).to(given.dtype)
        wanted = [size or 1 for size in target.shape]
        whole = not target.is_floating_point()
        arguments["target"] = torch.zeros(wanted, dtype=target.dtype) if whole else torch.full(wanted, 2.0)
        self._points.acted(self.name)
