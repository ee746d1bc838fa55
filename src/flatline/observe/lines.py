"""The loss of most steps: a value for the series of the line that computed it, and nothing else."""

from __future__ import annotations

from types import CodeType, FrameType

import torch

from flatline.observe import measure
from flatline.observe.series import Numbers
from flatline.observe.session import Session

# A program that makes its functions anew at every step would fill any memory.
MOST_LINES = 1_000
# Every step asks for both: each line of code that is met only once a step is read from far memory.
_watched, _modes = torch._C._len_torch_dispatch_stack, torch._C._len_torch_function_stack


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

    def take(
        self, name: str, reduction: str, loss: torch.Tensor, first: torch.Tensor | None, frame: FrameType | None
    ) -> Numbers | None:
        """Adds the value of a loss on a step that is not measured, and the rows of ``first``, to the series of its line.

        None, and nothing is added, where there is more to it: a line that is new, a value that is 0 or not finite and that
        the long way has not let pass, a value on another device, anything but plain tensors, operations that the program watches, a function that is being traced
        or transformed.
        """
        session = self._session
        if (
            type(loss) is not torch.Tensor
            # Before anything is asked of it: that too is told to a mode of the program's.
            or _watched()
            or _modes()
            or not loss.requires_grad
            or not loss.is_cpu
            or loss.dim()
            or not measure.eager()
            # FSDP frees the storage of tensors that it keeps: to read such a one ends the process.
            or not loss.data_ptr()
        ):
            return None
        rows = 1
        if first is not None:
            if type(first) is not torch.Tensor:
                return None
            rows = first.shape[0] if first.dim() else 1
        found = session.locator.frame(frame)
        if found is None:
            return None
        known = self._known.get((name, reduction, id(found.f_code), found.f_lasti))
        if known is None:
            return None
        value = measure.scalar(loss)
        series = known[1]
        # A loss that has come to 0, or NaN, mostly stays there for the rest of a run.
        if (value == 0.0 or value - value != 0.0) and not series.passes(value):
            return None
        session.tick += 1
        series.points.append((session.tick, session.step, value, rows))
        series.latest = value
        return series
