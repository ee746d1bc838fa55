"""What a check before training keeps of the first step: the calls of models and losses, so that they can be made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction

MOST_CALLS = 8
MOST_NODES = 2_000


@dataclass
class ModuleCall:
    """One call of a top-level module with gradients.

    ``number`` is that of the module in the record. ``versions`` are those of the tensors it was given: a tensor that
    was changed in place since cannot be given again. ``autocast`` is the type of the autocast region, if it was in one.
    """

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    number: int
    versions: list[tuple[torch.Tensor, int]]
    autocast: torch.dtype | None = None


@dataclass
class LossCall:
    """One call of a functional loss: the loss ``function``, its bound ``arguments``, what it gave.

    ``mixed``: on how many other rows of the model's output the middle row of the loss's input depends; None when the
    graph between the two cannot tell.
    """

    name: str
    function: Any
    arguments: dict[str, Any]
    input: torch.Tensor
    target: torch.Tensor | None
    result: torch.Tensor
    mixed: int | None = None


@dataclass
class Captured:
    """The first step, as far as it was seen when it stopped.

    ``leaves`` are the parameters that the first backward reached, ``batch_rows`` the numbers of rows that loaders gave
    out, ``remade`` whether a later backward reached new tensors in the place of the first ones, ``optimized`` what the
    update that comes next would change.
    """

    models: list[ModuleCall] = field(default_factory=list)
    losses: list[LossCall] = field(default_factory=list)
    leaves: list[torch.Tensor] = field(default_factory=list)
    batch_rows: set[int] = field(default_factory=set)
    optimized: list[torch.Tensor] = field(default_factory=list)
    value: float | None = None
    remade: bool = False
    hooked: Callable[[], bool] = bool

    def model_called(
        self, number: int, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        # What comes after the first backward belongs to another batch.
        if self.leaves or len(self.models) >= MOST_CALLS or not torch.is_grad_enabled():
            return
        given = tensors((args, kwargs))
        device = given[0].device.type if given else "cpu"
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        versions = [(t, t._version) for t in given if not t.is_inference()]
        self.models.append(ModuleCall(module, args, kwargs, output, number, versions, autocast))

    def loss_called(self, name: str, function: Any, arguments: dict[str, Any], result: torch.Tensor) -> None:
        given = [value for value in arguments.values() if isinstance(value, torch.Tensor)]
        if self.leaves or len(self.losses) >= MOST_CALLS or not given or not given[0].requires_grad:
            return
        target = arguments.get("target")
        call = LossCall(
            name, function, arguments, given[0], target if isinstance(target, torch.Tensor) else None, result
        )
        call.mixed = self._mixed(given[0])
        self.losses.append(call)

    def reached(self, leaves: list[torch.Tensor], value: float | None, by_hand: bool) -> None:
        """Called with the parameters that a backward reaches."""
        if not self.leaves:
            self.leaves, self.value = leaves, value
        elif by_hand and leaves:
            known = {id(leaf) for leaf in self.leaves}
            new = [leaf for leaf in leaves if id(leaf) not in known]
            self.remade = len(new) == len(leaves) and [t.shape for t in leaves] == [t.shape for t in self.leaves]

    def _mixed(self, given: torch.Tensor) -> int | None:
        """On how many rows of the model's output the middle row of a loss's input depends, its own not counted."""
        for call in reversed(self.models):
            output = first_output(call.output)
            if output is None or given.dim() == 0 or given.shape[0] != output.shape[0] or len(given) < 2:
                continue
            if given is output:
                return 0
            if self.hooked() or not _plain_between(given, output):
                # The program would be told of a gradient that it did not ask for.
                return None
            row = len(given) // 2
            direction = torch.zeros_like(given)
            flat = torch.arange(direction[row].numel(), device=given.device, dtype=given.dtype)
            # Not a plain sum: after a softmax that would be a constant.
            direction[row] = (flat + 1).cos().reshape(direction[row].shape)
            (gradient,) = torch.autograd.grad([given], [output], [direction], retain_graph=True, allow_unused=True)
            if gradient is None:
                continue
            touched = gradient.detach().reshape(len(output), -1).ne(0).any(1)
            touched[row] = False
            return int(touched.sum())
        return None


def _plain_between(given: torch.Tensor, output: torch.Tensor) -> bool:
    """Whether the graph between a model's output and a loss's input is torch's own, and short."""
    open_ends, seen = [given.grad_fn], {given.grad_fn}
    while open_ends:
        node = open_ends.pop()
        if node is None or node is output.grad_fn:
            continue
        if isinstance(node, BackwardCFunction) or "Checkpoint" in node.name() or len(seen) > MOST_NODES:
            return False
        for following, _ in node.next_functions:
            if following not in seen:
                seen.add(following)
                open_ends.append(following)
    return True


def tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in nested tuples, lists and dictionaries, in order."""
    from torch.utils import _pytree

    return [leaf for leaf in _pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def first_output(output: Any) -> torch.Tensor | None:
    """The first floating tensor with rows in what a model returned (a tensor, a tuple, a dictionary, an object)."""
    for tensor in outputs(output):
        if tensor.is_floating_point() and tensor.dim() >= 1 and tensor.requires_grad:
            return tensor
    return None


def outputs(output: Any) -> list[torch.Tensor]:
    """Every tensor in what a model returned; outputs of Hugging Face models are dictionaries with attributes."""
    if isinstance(output, dict):
        return tensors(dict(output))
    if hasattr(output, "__dict__") and not isinstance(output, (torch.Tensor, tuple, list)):
        return tensors(dict(vars(output)))
    return tensors(output)
