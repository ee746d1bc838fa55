"""What one update does to the weights: copies taken before it, and norms of all of them in a few calls after it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from flatline.observe import measure
from flatline.observe.events import ParameterFacts
from flatline.observe.registry import Registry
from flatline.observe.sharding import local

MOST_PARAMETERS = 512
# Of each parameter at most 65,536 evenly spaced elements, and of all together 4 million (16 MB in float32): enough to
# see whether and how far a parameter moves.
MOST_ELEMENTS_EACH = 1 << 16
MOST_ELEMENTS = 1 << 22
NAN = float("nan")


class Before:
    """Parts of parameters as they are now, kept in one piece for each type and device."""

    def __init__(self, parameters: Iterable[torch.Tensor]) -> None:
        kept = [p for p in list(parameters)[:MOST_PARAMETERS] if _held(p)]
        self._most = min(MOST_ELEMENTS_EACH, MOST_ELEMENTS // max(len(kept), 1))
        self._groups: dict[tuple[torch.dtype, torch.device], list[torch.Tensor]] = {}
        for parameter in kept:
            self._groups.setdefault((local(parameter).dtype, local(parameter).device), []).append(parameter)
        with torch.no_grad():
            self._copies = {key: torch.cat(self._parts(map(local, group))) for key, group in self._groups.items()}

    def facts(self, registry: Registry) -> list[ParameterFacts]:
        """What has happened to each parameter since, and its gradient's norm."""
        found: list[ParameterFacts] = []
        with torch.no_grad():
            for key, group in self._groups.items():
                found += self._compare(registry, group, self._copies[key])
        return found

    def _parts(self, tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        return [measure.thinned(t.detach().reshape(-1), self._most) for t in tensors]

    def _compare(self, registry: Registry, parameters: list[torch.Tensor], copy: torch.Tensor) -> list[ParameterFacts]:
        parts = self._parts(local(p) for p in parameters)
        sizes = [part.numel() for part in parts]
        change = torch.cat(parts)
        if change.shape != copy.shape:
            # A parameter was resized in this step: there is nothing to compare.
            return []
        wide = _wide(copy)
        # In the same memory where it can be: to take a megabyte anew costs as much as to go through it.
        change = change.sub_(wide) if change.dtype == wide.dtype else torch.sub(change, wide)
        gradients = {i: local(p.grad) for i, p in enumerate(parameters) if p.grad is not None}
        gradients = {i: g for i, g in gradients.items() if measure.readable(g)}
        sized = dict(zip(gradients, _norms([_wide(g) for g in self._parts(gradients.values())])))
        weights = _norms(torch.split(wide, sizes))
        updates = _norms(torch.split(change, sizes))
        pairs = zip(torch.split(copy, sizes), parts)
        found: list[ParameterFacts] = []
        for i, (parameter, (before, after)) in enumerate(zip(parameters, pairs)):
            size = sized.get(i, NAN)
            # Where the weights were finite and the change is, the weights are.
            certain = math.isfinite(weights[i]) and math.isfinite(updates[i])
            found.append(
                ParameterFacts(
                    registry.parameter(parameter),
                    size,
                    weights[i],
                    updates[i],
                    # Where the norm is 0, squares of small changes may have vanished; where it is NaN, weights may stay infinite.
                    moved=updates[i] > 0 or not torch.equal(after, before),
                    has_gradient=i in sized,
                    non_finite_gradient=i in sized and size - size != 0,
                    non_finite_weight=not certain and not bool(torch.isfinite(after).all()),
                )
            )
        return found


def _held(parameter: torch.Tensor) -> bool:
    # Of a sharded parameter with few rows, some processes hold nothing.
    return measure.readable(local(parameter)) and bool(local(parameter).numel() or not parameter.numel())


def _norms(tensors: Iterable[torch.Tensor]) -> list[float]:
    given = list(tensors)
    return measure.read(list(torch._foreach_norm(given))) if given else []


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
