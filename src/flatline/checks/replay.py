"""Making the call of a model again, with other rows: what changes in its output, and what must not."""

from __future__ import annotations

import contextlib
import copy
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils import _pytree

from flatline.observe.captured import ModuleCall, outputs

# Kernels that add in another order each time differ in the last places only; more is another computation.
SAME = 1e-3


class Undone(Exception):
    """A check could not be done; the message says why."""


class Replay:
    """One call of a model that can be made again: the same numbers from the random generators, the same buffers."""

    def __init__(self, call: ModuleCall, batch_rows: set[int], target: torch.Tensor | None) -> None:
        self.call = call
        self.module = call.module
        while isinstance(self.module, DistributedDataParallel):
            # What it adds are exchanges with other processes, which do not take part in another call.
            self.module = self.module.module
        self._batch_rows = batch_rows
        self._target = target
        self.leaves, self._shape = _pytree.tree_flatten((call.args, call.kwargs))
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in self.module.buffers()]
        self._random = random_state()
        self._base: list[torch.Tensor] | None = None
        self.noise = 0.0

    @property
    def name(self) -> str:
        return type(self.module).__name__

    # rows --------------------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> dict[int, torch.Tensor]:
        """The tensors that it was given, by their place among the arguments."""
        return {i: leaf for i, leaf in enumerate(self.leaves) if isinstance(leaf, torch.Tensor) and leaf.dim() > 0}

    @property
    def main(self) -> torch.Tensor:
        """The input that is looked at: the first floating one of two or more dimensions, or the tokens.

        Raises:
            Undone: the model was given no tensor, or one that was changed since.
        """
        if any(tensor._version != version for tensor, version in self.call.versions):
            raise Undone("the batch was changed in place after the model saw it")
        exchanging = _exchanging(self.module)
        if exchanging:
            raise Undone(f"{exchanging} exchanges numbers with other processes in each call")
        given = list(self.inputs.values())
        if not given:
            raise Undone(f"{self.name} was given no tensor")
        return given[0]

    def rows(self) -> int:
        """How many samples there are, one in each row of the inputs and outputs.

        Raises:
            Undone: there is one only, or the outputs have no row for each input row.
        """
        count = len(self.main)
        if count < 2:
            raise Undone("the batch has one row")
        for output in self.base():
            if output.dim() == 0 or len(output) != count:
                raise Undone(f"{self.name} gives {tuple(output.shape)} for inputs of {count} rows: not a row for a row")
        return count

    def first_is_batch(self) -> bool:
        """Whether it is sure that the first dimension counts samples: sequences may have theirs second."""
        x = self.main
        if x.dim() > 1 and x.shape[1] in self._batch_rows and x.shape[0] != x.shape[1]:
            return x.shape[0] in self._batch_rows
        if len(x) in self._batch_rows or x.dim() > 3 or (x.dim() <= 2 and x.is_floating_point()):
            return True
        return self._target is not None and self._target.dim() == 1 and len(self._target) == len(x)

    # calls -------------------------------------------------------------------------------------------------------

    def base(self) -> list[torch.Tensor]:
        """The outputs for the inputs as they are, floating ones only.

        Raises:
            Undone: a second call with the same inputs and the same random numbers gives something else.
        """
        if self._base is None:
            first, second = self.run({}), self.run({})
            if not first:
                raise Undone(f"{self.name} returns no floating tensor")
            if [o.shape for o in first] != [o.shape for o in second]:
                raise Undone(f"{self.name} gives another shape when it is called again: it keeps a state")
            if not all(bool(torch.isfinite(o).all()) for o in first):
                raise Undone(f"{self.name} gives numbers that are not finite")
            self.noise = max(difference(a, b) for a, b in zip(first, second))
            scale = max(float(o.abs().max()) for o in first if o.numel())
            if self.noise > SAME * scale:
                raise Undone(f"{self.name} gives something else when it is called again: it keeps a state")
            self._base = first
        return self._base

    def run(self, changed: dict[int, torch.Tensor], statistics: Statistics | None = None) -> list[torch.Tensor]:
        """The floating outputs when some of the inputs, by their place, are others."""
        leaves = [changed.get(i, leaf) for i, leaf in enumerate(self.leaves)]
        args, kwargs = _pytree.tree_unflatten(leaves, self._shape)
        with torch.no_grad():
            for buffer, value in self._buffers:
                buffer.copy_(value)
        held = statistics if statistics is not None else contextlib.nullcontext()
        with same_random(self._random), muted(), torch.no_grad(), self._autocast(), held:
            result = self.module(*copied(args), **copied(kwargs))
        return [o.detach().float() for o in outputs(result) if o.is_floating_point() and o.dim() > 0]

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.call.autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self.main.device.type, dtype=self.call.autocast)

    def touched(self, other: list[torch.Tensor]) -> torch.Tensor:
        """Which rows of the outputs differ from the base: a boolean for each row."""
        base = self.base()
        rows = torch.zeros(len(base[0]), dtype=torch.bool, device=base[0].device)
        for a, b in zip(base, other):
            if a.shape != b.shape:
                raise Undone("the output has another shape for other rows")
            far = (a - b).abs().reshape(len(a), -1).amax(1) if a[0].numel() else torch.zeros(len(a))
            if not bool(torch.isfinite(far).all()):
                raise Undone("other rows give numbers that are not finite")
            rows |= (far > 10 * self.noise).to(rows.device)
        return rows

    def with_row(self, row: int) -> dict[int, torch.Tensor]:
        """The inputs with one row replaced by another row of the batch.

        Raises:
            Undone: all rows are equal whole numbers.
        """
        count = len(self.main)
        given = {i: x for i, x in self.inputs.items() if len(x) == count}
        for other in range(count):
            if other != row and any(not torch.equal(x[row], x[other]) for x in given.values()):
                return {i: _put(x, row, x[other]) for i, x in given.items()}
        if not self.main.is_floating_point():
            raise Undone("all rows of the batch are the same")
        return {i: _put(x, row, x[row] * 1.5 + 0.25) for i, x in given.items() if x is self.main}

    def rolled(self) -> dict[int, torch.Tensor]:
        """The inputs with every row replaced by its neighbour."""
        count = len(self.main)
        given = {i: x for i, x in self.inputs.items() if len(x) == count}
        rolled = {i: x.roll(1, 0) for i, x in given.items()}
        if any(not torch.equal(rolled[i], x) for i, x in given.items()):
            return rolled
        if not self.main.is_floating_point():
            raise Undone("all rows of the batch are the same")
        return {i: x * 1.5 + 0.25 for i, x in given.items() if x.is_floating_point()}


class Statistics:
    """Batch normalisation with the statistics of an earlier call: the only way between samples it has is closed.

    Used twice as a context: the first time the statistics are taken down, the second time they are given.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._next = -1
        self.used = 0

    def __enter__(self) -> Statistics:
        self._original: Callable[..., torch.Tensor] = F.batch_norm
        self._next += 1
        self._index = 0
        F.batch_norm = self._batch_norm
        return self

    def __exit__(self, *error: object) -> None:
        F.batch_norm = self._original

    def _batch_norm(
        self,
        input: torch.Tensor,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> torch.Tensor:
        if not training:
            return self._original(input, running_mean, running_var, weight, bias, training, momentum, eps)
        self.used += 1
        if self._next == 0:
            other = [d for d in range(input.dim()) if d != 1]
            self._kept.append((input.float().mean(other), input.float().var(other, unbiased=False)))
            return self._original(input, running_mean, running_var, weight, bias, training, momentum, eps)
        mean, variance = self._kept[min(self._index, len(self._kept) - 1)]
        self._index += 1
        return self._original(input, mean, variance, weight, bias, False, momentum, eps)


# the program's state -------------------------------------------------------------------------------------------


def random_state() -> dict[str, Any]:
    """The states of the random generators: torch's on every device in use, Python's, numpy's."""
    import random

    state: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state["numpy"] = numpy.random.get_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    import random

    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])
    if "numpy" in state:
        sys.modules["numpy"].random.set_state(state["numpy"])


@contextlib.contextmanager
def same_random(state: dict[str, Any]) -> Iterator[None]:
    """A block that draws the random numbers of ``state``; afterwards the generators are where they were before."""
    before = random_state()
    set_random_state(state)
    try:
        yield
    finally:
        set_random_state(before)


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """What a model prints, it has printed when the program called it."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def copied(value: Any) -> Any:
    """The containers of arguments anew: a model may take things out of a dictionary that it is given."""
    return _pytree.tree_map(lambda leaf: leaf, value)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max()) if a.numel() else 0.0


def _exchanging(module: torch.nn.Module) -> str:
    """The kind of a part that other processes would have to call as well; empty when there is none."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return ""
    names = {kind.__name__ for part in module.modules() for kind in type(part).__mro__}
    return next((name for name in sorted(names) if name.startswith(("FSDP", "FullySharded", "SyncBatch"))), "")


def _put(x: torch.Tensor, row: int, value: torch.Tensor) -> torch.Tensor:
    changed = x.detach().clone()
    changed[row] = value
    return changed


def twin(module: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model that can be trained without touching it.

    Raises:
        Undone: it cannot be copied.
    """
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise Undone(f"the model cannot be copied ({type(error).__name__}: {error})") from error
