"""Other first weights."""

from __future__ import annotations

import weakref
from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.points import PASS, Operation, Points

# What computes with a weight: a tensor that is first met in one of these has its first value still.
_COMPUTES = frozenset(
    [
        "matmul",
        "__matmul__",
        "__rmatmul__",
        "mm",
        "mv",
        "bmm",
        "addmm",
        "linear",
        "mul",
        "__mul__",
        "__rmul__",
        "add",
        "__add__",
        "__radd__",
        "conv1d",
        "conv2d",
        "conv3d",
        "embedding",
        "cdist",
        "einsum",
        "norm",
    ]
)
_ROWS_ARE_OUTPUTS = (torch.nn.Linear, torch.nn.modules.conv._ConvNd, torch.nn.RNNBase, torch.nn.RNNCellBase)


class Initialisation(Intervention):
    """Draws the weights anew just before they are first used.

    Patch points: the first call of each top-level module with gradients; for weights that are plain tensors, the first
    operation that computes with them. Left as they are: one-dimensional weights of modules other than biases (the scale
    of a normalisation), everything that does not need a gradient; the random numbers of the program, which
    has drawn its own weights before.

    Args:
        draw: ``standard`` draws every weight from U(-b, b) with b = 1/sqrt(fan-in), torch's own default for linear and
            convolutional layers, a table of embeddings from N(0, 1), and sets biases to 0; ``he`` has b = sqrt(6/fan-in), which keeps the size of what
            passes a ReLU layer (He and others, 2015), and makes recurrent weights orthogonal; ``symmetric`` draws only
            the weights whose rows or columns are all equal.
        seed: of the draw.
    """

    name = "initialisation"

    def __init__(self, draw: str = "standard", seed: int = 0) -> None:
        if draw not in ("standard", "he", "symmetric"):
            raise TypeError(f"weights cannot be drawn by {draw!r}")
        self._draw = draw
        self._generator = torch._C.Generator().manual_seed(OWN_SEED + seed)
        self._modules: weakref.WeakSet[torch.nn.Module] = weakref.WeakSet()
        self._seen: dict[int, weakref.ref[torch.Tensor]] = {}

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_operation.append((self.name, self._computed))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        if module in self._modules or not torch.is_grad_enabled():
            return
        self._modules.add(module)
        for part in module.modules():
            for name, parameter in part.named_parameters(recurse=False):
                if not self._new(parameter) or not parameter.requires_grad:
                    continue
                if parameter.dim() < 2 and "bias" not in name:
                    continue
                if isinstance(part, torch.nn.Embedding):
                    self._embed(parameter)
                    continue
                rows = isinstance(part, _ROWS_ARE_OUTPUTS)
                fan = parameter[0].numel() if rows and parameter.dim() > 1 else parameter.shape[0]
                self._redraw(parameter, fan, "bias" in name, "weight_hh" in name)

    def _computed(self, operation: Operation) -> Any:
        if operation.name in _COMPUTES and torch.is_grad_enabled():
            for value in operation.args:
                plain = type(value) is torch.Tensor and value.is_leaf and value.requires_grad
                if plain and value.dim() and self._new(value):
                    nothing = value.dim() == 1 and not bool(value.any())
                    self._redraw(value, value.shape[0], nothing, False)
        return PASS

    def _new(self, tensor: torch.Tensor) -> bool:
        known = self._seen.get(id(tensor))
        self._seen[id(tensor)] = weakref.ref(tensor)
        return known is None or known() is not tensor

    def _embed(self, table: torch.Tensor) -> None:
        if self._draw == "standard":
            drawn = torch.randn(table.shape, generator=self._generator)
            table.data.copy_(drawn)
            self._points.acted(self.name)

    def _redraw(self, weight: torch.Tensor, fan: int, bias: bool, recurrent: bool) -> None:
        if self._draw == "symmetric":
            if bias or weight.dim() < 2 or not _equal_slices(weight):
                return
        with torch.no_grad():
            drawn = torch.zeros(weight.shape)
            if recurrent and self._draw == "he":
                for block in torch.split(drawn, weight.shape[1]):
                    torch.nn.init.orthogonal_(block, generator=self._generator)
            elif not bias:
                bound = ((6.0 if self._draw == "he" else 1.0) / max(fan, 1)) ** 0.5
                drawn.uniform_(-bound, bound, generator=self._generator)
            # Past the version counter: an operation that needs the weight may be under way.
            weight.data.copy_(drawn)
        self._points.acted(self.name)


def _equal_slices(weight: torch.Tensor) -> bool:
    flat = weight.detach().reshape(weight.shape[0], -1)
    return bool((flat == flat[:1]).all() or (flat == flat[:, :1]).all()) and flat.numel() > 1
