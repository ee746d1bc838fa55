"""Random data in the place of the program's, with the targets made from them as the program makes its own."""

from __future__ import annotations

from typing import Any

import torch

from flatline.interventions.base import OWN_SEED, Intervention
from flatline.interventions.formula import Formula
from flatline.interventions.points import Points

MOST_SHIFT = 4


class Tokens(Intervention):
    """Gives the model random tokens, and the loss the targets that belong to them.

    Where each target of the program is a token of its input some places on, the new target is the random token at that
    place; where it is a number of its own window, the random number there. What is random and new at every call cannot be
    learned: only a model that sees its target can bring the loss down.

    Patch points: calls of top-level modules; the functional losses; for a loss written as a formula, the operations on
    its line. Left as it is: targets that are not found in the input; the random numbers of the program.

    Args:
        line, file, shape, floating: where a formula stands, and the shape and kind of its target.
    """

    name = "tokens"

    def __init__(self, line: int = 0, file: str = "", shape: list[int] | None = None, floating: bool = True) -> None:
        self._formula = Formula(line, file, shape or [], floating)
        self._generator = torch._C.Generator().manual_seed(OWN_SEED)
        self._given: torch.Tensor | None = None
        self._drawn: torch.Tensor | None = None

    def before_probes(self, points: Points) -> None:
        self._points = points
        points.on_call.append((self.name, self._called))

    def after_probes(self, points: Points) -> None:
        points.on_criterion.append((self.name, self._criterion))
        self._formula.install(self.name, points, lambda target, given: self._belonging(target))

    def _called(self, module: torch.nn.Module, args: list[Any], kwargs: dict[str, Any]) -> None:
        for index, value in enumerate(args):
            if isinstance(value, torch.Tensor) and value.dim() == 2 and not value.requires_grad and value.numel() > 1:
                self._given, self._drawn = value, self._draw(value)
                args[index] = self._drawn
                return

    def _draw(self, value: torch.Tensor) -> torch.Tensor:
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=self._generator).to(value)
            return drawn * value.std() + value.mean()
        words = torch.unique(value)
        pick = torch.randint(0, len(words), (value.numel(),), generator=self._generator)
        picked: torch.Tensor = words[pick.to(value.device)].reshape(value.shape)
        return picked

    def _criterion(self, name: str, arguments: dict[str, Any]) -> None:
        target = arguments.get("target")
        if isinstance(target, torch.Tensor):
            arguments["target"] = self._belonging(target)

    def _belonging(self, target: torch.Tensor) -> torch.Tensor:
        given, drawn = self._given, self._drawn
        if given is None or drawn is None or target.dtype.is_floating_point != given.dtype.is_floating_point:
            return target
        rows, length = given.shape
        if target.numel() % rows:
            return target
        wanted = target.reshape(rows, -1)
        if target.is_floating_point():
            columns = [j for j in range(length) if torch.equal(given[:, j : j + 1], wanted)]
            if not columns:
                return target
            self._points.acted(self.name)
            return drawn[:, columns[0] : columns[0] + 1].reshape(target.shape)
        for shift in range(MOST_SHIFT):
            shared = min(wanted.shape[1], length - shift)
            if shared > length // 2 and torch.equal(wanted[:, :shared], given[:, shift : shift + shared]):
                self._points.acted(self.name)
                made = self._draw(wanted)
                made[:, :shared] = drawn[:, shift : shift + shared]
                return made.reshape(target.shape)
        return target
