"""A few numbers of each weight before measured steps, where several processes train: replicas can be compared later.

Nothing is exchanged: each process writes its own numbers, and the reader lays them side by side.
"""

from __future__ import annotations

import ctypes

import torch

from flatline.observe import measure
from flatline.observe.events import WeightSample
from flatline.observe.registry import Registry
from flatline.observe.session import Session

MOST_PARAMETERS = 512
ELEMENTS = 4


def many_processes() -> bool:
    """Whether this process is one of several in a process group."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


class Replicas:
    """Copies up to four evenly spaced elements of each parameter that an optimizer holds."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry

    def look(self, number: int, optimizer: torch.optim.Optimizer) -> None:
        """Before a measured step of the optimizer with that number."""
        if not many_processes():
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"][:MOST_PARAMETERS]]
        # Of a sharded parameter each process holds another part.
        chosen = [p for p in parameters if measure.readable(p) and p.numel() and p.is_floating_point()]
        if not chosen:
            return
        with torch.no_grad():
            picked = [spread(p.detach()).float() for p in chosen]
            one_place = len({p.device for p in picked}) == 1
            # One copy from the device, not one for each weight.
            values = (torch.cat(picked) if one_place else torch.cat([p.cpu() for p in picked])).cpu()
        session = self._session
        session.emit(
            WeightSample(
                session.now(),
                session.step,
                number,
                [self._registry.parameter(p) for p in chosen],
                [len(p) for p in picked],
                ctypes.string_at(values.data_ptr(), 4 * len(values)),
            )
        )


def spread(tensor: torch.Tensor) -> torch.Tensor:
    """At most four elements, evenly spaced in memory's order of a dense tensor: [4].

    >>> spread(torch.arange(9.0)).tolist()
    [0.0, 2.0, 4.0, 6.0]
    >>> spread(torch.ones(2, 1)).tolist()
    [1.0, 1.0]
    """
    flat = tensor.reshape(-1)
    stride = max(1, flat.numel() // ELEMENTS)
    return flat[::stride][:ELEMENTS]
