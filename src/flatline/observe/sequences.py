"""Calls of recurrent and attention layers: along which dimension each runs, and what lies there.

Nothing is computed with the data. To which sample of the batch the steps of a sequence belong follows from sizes and
strides, where the layer is given the memory of the model's own input in another layout.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import torch

from flatline.observe import measure
from flatline.observe.events import SequenceLayer
from flatline.observe.registry import Registry
from flatline.observe.session import Session

MOST_LAYERS = 8
MOST_CALLS = 4
MOST_STEPS = 64


class Layout:
    """Where the numbers of a tensor lie in memory: what is left of it when it is gone."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape = list(tensor.shape)
        self.strides = list(tensor.stride())
        self.offset = tensor.storage_offset()
        self.memory = tensor.untyped_storage().data_ptr()
        self.dtype = tensor.dtype


class Sequences:
    """Collects the layers of one call of a model, and records them when it has ended."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._seen: list[tuple[torch.nn.Module, int, Layout]] = []
        self._calls = 0

    def began(self) -> None:
        """Called when a top-level module is; one before may have ended with an error."""
        self._seen.clear()

    def called(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Called with each module that the program calls, whatever it is."""
        if not isinstance(module, (torch.nn.RNNBase, torch.nn.MultiheadAttention)) or not measure.ordinary():
            return
        # Attention runs over what its keys stand for.
        name, index = ("key", 1) if isinstance(module, torch.nn.MultiheadAttention) else ("input", 0)
        given = kwargs.get(name, args[index] if len(args) > index else None)
        if self._calls < MOST_CALLS and len(self._seen) < MOST_LAYERS and _plain(given) and given.dim() == 3:
            self._seen.append((module, 1 if module.batch_first else 0, Layout(given)))

    def ended(self, model: int, inputs: list[torch.Tensor], gradient: bool) -> None:
        """Called when a top-level module has returned; ``inputs`` are what it was given."""
        seen, self._seen = self._seen, []
        if not seen or not gradient:
            return
        self._calls += 1
        session = self._session
        given = [whole(x) for x in inputs if _plain(x) and x.dim() >= 2]
        for module, axis, layout in seen:
            source = next((x for x in given if x.memory == layout.memory and _rows_in_memory(x, layout)), None)
            other = next((x for x in given if layout.shape[axis] in x.shape), given[0] if given else None)
            batch = source or other
            session.emit(
                SequenceLayer(
                    session.now(),
                    session.step,
                    model,
                    type(module).__name__,
                    axis,
                    layout.shape,
                    batch.shape if batch is not None else [],
                    owners(source, layout, axis) if source is not None else [],
                    self._registry.built.get(module),
                )
            )


def whole(x: torch.Tensor) -> Layout:
    """The layout of an input, or of the tensor that it shows in full in another layout: a batch that was turned."""
    base = x._base
    if base is not None and base.numel() == x.numel() and base.dim() >= 2 and _plain(base):
        return Layout(base)
    return Layout(x)


def owners(source: Layout, layout: Layout, axis: int) -> list[int]:
    """To which rows of ``source`` the steps of the middle sequence of a layer belong.

    >>> x = torch.zeros(4, 3, 2)
    >>> owners(Layout(x), Layout(x.transpose(0, 1)), 0), owners(Layout(x), Layout(x), 0)
    ([2, 2, 2], [0, 1, 2, 3])
    >>> owners(Layout(x), Layout(x.view(3, 4, 2)), 0)
    [0, 2, 3]
    """
    steps, sequence = layout.shape[axis], layout.shape[1 - axis] // 2
    start = layout.offset - source.offset + sequence * layout.strides[1 - axis]
    return [(start + step * layout.strides[axis]) // source.strides[0] for step in range(min(steps, MOST_STEPS))]


def _rows_in_memory(source: Layout, layout: Layout) -> bool:
    """Whether each row of the source is one piece of memory, and the layer's numbers are of the same type."""
    size, dense = 1, True
    for length, stride in zip(reversed(source.shape), reversed(source.strides)):
        dense, size = dense and (stride == size or length == 1), size * length
    return dense and source.dtype == layout.dtype and source.shape[0] > 1 and size > 0


def _plain(tensor: Any) -> TypeGuard[torch.Tensor]:
    return isinstance(tensor, torch.Tensor) and measure.readable(tensor) and not tensor.is_complex()
