"""Other inputs for the model."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.formula import Formula
from flatline.interventions.points import PASS, Operation, Points

_WAYS = ("noise", "finite", "column", "standardise", "fit", "unique", "rows")
_COMPUTES = frozenset(
    ["matmul", "__matmul__", "mm", "mv", "linear", "conv1d", "conv2d", "conv3d", "mul", "__mul__", "cdist"]
)


class Inputs(Intervention):
    """Changes what the models are given.

    Patch points: calls of top-level modules with parameters; in programs without modules, the operations in which a
    tensor of data meets a weight. Left as it is: the targets, the data that the program keeps, the random numbers.

    Args:
        how: ``noise`` puts normal numbers of the same mean and deviation (for whole numbers: a draw with replacement
            from the same tensor) in their place, new ones at every call; ``finite`` puts 0 for what is NaN or infinite;
            ``column`` permutes one feature across the samples; ``standardise`` brings each feature to mean 0 and
            deviation 1, measured on the first batch; ``fit`` scales what leaves ``[low, high]`` into it, by the range of
            the first batch that does; ``unique`` leaves out rows that are the same as one before, and their targets;
            ``rows`` gives the samples in another order at every call, so that nothing belongs to them any more.
        column: the feature, counted over all dimensions but the first.
        columns: several features, permuted together.
        low, high: the range of ``fit``.
        line, file, shape, floating: where a formula stands, and the shape and kind of its target; for ``unique``.
    """

    name = "inputs"

    def __init__(
        self,
        how: str = "noise",
        column: int = 0,
        columns: list[int] | None = None,
        low: float = -1.0,
        high: float = 1.0,
        line: int = 0,
        file: str = "",
        shape: list[int] | None = None,
        floating: bool = True,
    ) -> None:
        self._formula = Formula(line, file, shape or [], floating)
        self._low, self._high = low, high
        self._kept: tuple[int, torch.Tensor] | None = None
        if how not in _WAYS:
            raise TypeError(f"inputs cannot be changed by {how!r}")
        self._how, self._columns = how, columns if columns is not None else [column]
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        self._modules = False
        self._scales: dict[tuple[int, ...], tuple[torch.Tensor, torch.Tensor]] = {}
        self._last: list[tuple[torch.Tensor, int, torch.Tensor]] = []

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_operation.append((self.name, self._computed))
        points.on_backward.append((self.name, self._forget))
        if self._how == "unique":
            points.on_criterion.append((self.name, self._criterion))
            self._formula.install(self.name, points, lambda target, given: self._kept_of(target))

    def _forget(self, loss: torch.Tensor) -> None:
        self._last.clear()

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target = arguments.get("target")
        if isinstance(target, torch.Tensor) and target.dim():
            arguments["target"] = self._kept_of(target)

    def _kept_of(self, target: torch.Tensor) -> torch.Tensor:
        if self._kept is None or target.shape[0] != self._kept[0]:
            return target
        return target[self._kept[1]]

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        self._modules = True
        args[:] = [self._changed(value) for value in args]
        for key, value in kwargs.items():
            kwargs[key] = self._changed(value)

    def _computed(self, operation: Operation) -> Any:
        if self._modules or operation.name not in _COMPUTES or not torch.is_grad_enabled():
            return PASS
        tensors = [v for v in operation.args if isinstance(v, torch.Tensor)]
        if len(tensors) >= 2 and any(t.requires_grad and t.is_leaf for t in tensors):
            if not any(t.requires_grad and not t.is_leaf for t in tensors):
                operation.args = tuple(self._changed(v) for v in operation.args)
        return PASS

    def _changed(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.requires_grad or value.dim() < 1 or value.numel() < 2:
            return value
        for before, version, after in self._last:
            if before is value and version == value._version:
                return after
        with torch.no_grad():
            after = getattr(self, f"_{self._how}")(value)
        if after is not value:
            self._points.acted(self.name)
            self._last.append((value, value._version, after))
        return after

    def _noise(self, value: torch.Tensor) -> torch.Tensor:
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=self._generator).to(value)
            finite = value[torch.isfinite(value)]
            return drawn * finite.std() + finite.mean() if finite.numel() > 1 else drawn
        pick = torch.randint(0, value.numel(), (value.numel(),), generator=self._generator)
        return value.reshape(-1)[pick.to(value.device)].reshape(value.shape)

    def _finite(self, value: torch.Tensor) -> torch.Tensor:
        if not value.is_floating_point() or bool(torch.isfinite(value).all()):
            return value
        return torch.nan_to_num(value, 0.0, 0.0, 0.0)

    def _column(self, value: torch.Tensor) -> torch.Tensor:
        flat = value.reshape(value.shape[0], -1).clone()
        if max(self._columns) >= flat.shape[1]:
            return value
        order = torch.randperm(flat.shape[0], generator=self._generator).to(value.device)
        flat[:, self._columns] = flat[order][:, self._columns]
        return flat.reshape(value.shape)

    def _rows(self, value: torch.Tensor) -> torch.Tensor:
        return value[torch.randperm(len(value), generator=self._generator).to(value.device)]

    def _standardise(self, value: torch.Tensor) -> torch.Tensor:
        if not value.is_floating_point():
            return value
        key = tuple(value.shape[1:])
        if key not in self._scales:
            # A picture, or a sequence, is scaled as a whole; a row of a table by its columns.
            over = 0 if value.dim() == 2 else tuple(range(value.dim()))
            mean, spread = value.mean(over, keepdim=True), value.std(over, keepdim=True)
            self._scales[key] = mean, spread.where(spread > 0, torch.ones_like(spread))
        mean, spread = self._scales[key]
        return (value - mean) / spread

    def _fit(self, value: torch.Tensor) -> torch.Tensor:
        if not value.is_floating_point():
            return value
        least, most = torch.aminmax(value)
        room = 0.1 * (self._high - self._low)
        key = tuple(value.shape[1:])
        if key not in self._scales and (float(least) < self._low - room or float(most) > self._high + room):
            self._scales[key] = least, most - least
        if key not in self._scales or not value.numel():
            return value
        if float(least) >= self._low - room and float(most) <= self._high + room:
            return value
        low, span = self._scales[key]
        return (value - low) / span * (self._high - self._low) + self._low

    def _unique(self, value: torch.Tensor) -> torch.Tensor:
        rows = value.reshape(value.shape[0], -1)
        _, group = torch.unique(rows, dim=0, return_inverse=True)
        seen: set[int] = set()
        index = [i for i, g in enumerate(group.tolist()) if not (g in seen or seen.add(g))]  # type: ignore[func-returns-value]
        if len(index) == value.shape[0]:
            self._kept = None
            return value
        self._kept = value.shape[0], torch.tensor(index, device=value.device)
        return value[self._kept[1]]
