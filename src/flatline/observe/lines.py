"""The loss of most steps: a value for the series of the line that computed it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import torch

from flatline.observe.measure import tracing, transforming
from flatline.observe.series import Numbers
from flatline.observe.session import Session

# A program that makes its functions anew at every step would fill any memory.
MOST_LINES = 1_000
_watched, _modes = torch._C._len_torch_dispatch_stack, torch._C._len_torch_function_stack
_Tensor, _item = torch.Tensor, torch._C.TensorBase.item
# Of a loss: the name, the reduction, the value, the first of what it was computed from, the frame that asked for it.
Take = Callable[[str, str, Any, Any, FrameType | None], Numbers | None]


class Lines:
    """The series of each line of the user's, by the instruction that is being executed: its number is not asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # Each holds its code, so that no other can come to have the same address.
        self._known: dict[tuple[str, str, int, int], tuple[CodeType, Numbers]] = {}

    def learn(self, name: str, reduction: str, frame: FrameType | None, series: Numbers) -> None:
        """From now on, a loss of that name that the line which ``frame`` is at computes belongs to ``series``."""
        found = self._session.locator.frame(frame)
        if found is not None:
            if len(self._known) >= MOST_LINES:
                self._known.clear()
            self._known[name, reduction, id(found.f_code), found.f_lasti] = (found.f_code, series)

    def taker(self, probe: str) -> Take:
        """A function that adds the value of a loss on a step that is not measured, and the rows of ``first``, to the series
        of its line, which it returns.

        It returns None, and adds nothing, where there is more to it: a step that is measured, a line that is new, a value
        that is 0 or not finite and that the long way has not let pass, a value on another device, anything but plain
        tensors, operations that the program watches, a function that is being traced or transformed.

        Each step of a run pays for it, and finds little of it in the processor's caches: so it is one function, with its
        guard and its clock, and asks no more than it must. It waits for nothing that could hang.
        """
        session, known, users = self._session, self._known, self._session.locator.users
        off, budget, clock = session.off, session.budget, session.clock

        def take(name: str, reduction: str, loss: Any, first: Any, frame: FrameType | None) -> Numbers | None:
            if session.sampled or session.within or off:
                return None
            began = clock()
            try:
                if (
                    type(loss) is not _Tensor
                    # Before anything is asked of it: that too is told to a mode of the program's.
                    or _watched()
                    or _modes()
                    or not loss.requires_grad
                    or not loss.is_cpu
                    or loss.dim()
                    or tracing() is not None
                    or transforming() is not None
                    # FSDP frees the storage of tensors that it keeps: to read such a one ends the process.
                    or not loss.data_ptr()
                ):
                    return None
                rows = 1
                if first is not None:
                    if type(first) is not _Tensor:
                        return None
                    rows = first.shape[0] if first.dim() else 1
                # The nearest of the user's; a file that is new is left to the long way.
                while frame is not None and not users.get(frame.f_code.co_filename, True):
                    frame = frame.f_back
                if frame is None:
                    return None
                found = known.get((name, reduction, id(frame.f_code), frame.f_lasti))
                if found is None:
                    return None
                # Not loss.item(): the program may have replaced that method by one that counts its calls.
                value = float(_item(loss))
                series = found[1]
                if value == 0.0 or value - value != 0.0:
                    # A loss that has come to 0, or NaN, mostly stays there for the rest of a run. As ``Numbers.passes``, which
                    # is not called: what runs here without a heartbeat calls nothing of ours.
                    left = series.let_pass
                    if left[value == 0.0] <= 0:
                        return None
                    left[value == 0.0] -= 1
                session.tick += 1
                series.points.append((session.tick, session.step, value, rows))
                series.latest = value
                return series
            except Exception as error:
                session.failed(probe, error)
                return None
            finally:
                budget.spent += clock() - began + budget.each

        return take
