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
_Tensor, _item, _size = torch.Tensor, torch._C.TensorBase.item, torch._C.TensorBase.size
# Of a loss: the reduction, the value, the first of what it was computed from, the frame that asked for it.
Take = Callable[[str, Any, Any, FrameType | None], float | None]


class Lines:
    """The series of each line of the user's that calls one function, by the instruction that is being executed there."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # By reduction, then by the instruction's address: within the code object, which lies there as long as it is held,
        # so that no other has the same.
        self._known: dict[str, dict[int, tuple[Numbers, CodeType]]] = {}

    def learn(self, reduction: str, frame: FrameType | None, series: Numbers) -> None:
        """From now on, a loss of that reduction that the line which ``frame`` is at computes belongs to ``series``."""
        found = self._session.locator.frame(frame)
        if found is not None:
            if sum(map(len, self._known.values())) >= MOST_LINES:
                self._known.clear()
            self._known.setdefault(reduction, {})[id(found.f_code) + found.f_lasti] = (series, found.f_code)

    def taker(self, probe: str) -> Take:
        """A function that adds the value of a loss on a step that is not measured, and the rows of ``first``, to the series
        of its line, and returns it.

        It returns None, and adds nothing, where there is more to it: a step that is measured, a line that is new, a value
        that is 0 or not finite and that the long way has not let pass, a value on another device, anything but plain
        tensors, operations that the program watches, a function that is being traced or transformed.

        Each step of a run pays for it, and finds little of it in the processor's caches, where each thing that is done
        here takes ten times as long as a loop over it would tell: so it is one function, with its guard and its clock,
        and asks no more than it must. It waits for nothing that could hang.
        """
        session, known, users = self._session, self._known, self._session.locator.users
        budget, clock = session.budget, session.clock

        def take(reduction: str, loss: Any, first: Any, frame: FrameType | None) -> float | None:
            if not session.calm:
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
                    # Not its shape: that makes an object.
                    if first.dim():
                        rows = _size(first, 0)
                # The nearest of the user's; a file that is new is left to the long way.
                while frame is not None and not users.get(frame.f_code.co_filename, True):
                    frame = frame.f_back
                if frame is None:
                    return None
                series, _ = known[reduction][id(frame.f_code) + frame.f_lasti]
                # Not loss.item(): the program may have replaced that method by one that counts its calls.
                value = float(_item(loss))
                if value == 0.0 or value - value != 0.0:
                    # A loss that has come to 0, or NaN, mostly stays there for the rest of a run. As ``Numbers.passes``, which
                    # is not called: what runs here without a heartbeat calls nothing of ours.
                    left = series.let_pass
                    if left[value == 0.0] <= 0:
                        return None
                    left[value == 0.0] -= 1
                session.tick = tick = session.tick + 1
                series.points.append((tick, session.step, value, rows))
                return value
            except KeyError:
                # A line that is new.
                return None
            except Exception as error:
                session.failed(probe, error)
                return None
            finally:
                budget.spent += clock() - began + budget.each

        return take
