"""Watching from inside a program or a notebook: ``with flatline.watch(model, optimizer): …``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch

from flatline.observe.budget import BUDGET
from flatline.observe.events import RunEnded, RunStarted
from flatline.observe.install import Probes
from flatline.observe.patching import Patches
from flatline.observe.probes.printed import PrintedProbe
from flatline.observe.session import Session
from flatline.record.store import Writer, machine

if TYPE_CHECKING:
    from flatline.verdict import Verdict


class watch:
    """Watches the training inside a ``with`` block and diagnoses it.

    Args:
        model: the module that is trained. Optional: what is called and optimised is found anyway; naming it lets
            parameters carry its names from the start.
        optimizer: an optimizer that was made before the block; one made inside is seen by itself.
        store: where to keep the record; a temporary file when None.
        show: whether to print the report when the block ends.
        budget: the share of the time that measuring may take, from 0 to 1; as ``flatline run --budget``.

    Raises:
        ValueError: for a budget that is no such share.

    ``verdict`` is the :class:`flatline.verdict.Verdict` once the block has ended. An exception raised in the block
    passes through untouched; what was recorded until then is diagnosed.

    >>> import torch
    >>> model = torch.nn.Linear(4, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with watch(model, optimizer, show=False) as watched:
    ...     for _ in range(3):
    ...         loss = torch.nn.functional.cross_entropy(model(torch.ones(8, 4)), torch.zeros(8, dtype=torch.long))
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    >>> watched.verdict.causes[0].name
    'one-class-softmax'
    """

    verdict: Verdict

    def __init__(
        self,
        model: torch.nn.Module | None = None,
        optimizer: torch.optim.Optimizer | list[torch.optim.Optimizer] | None = None,
        *,
        store: str | Path | None = None,
        show: bool = True,
        budget: float = BUDGET,
    ) -> None:
        if not 0 <= budget <= 1:
            raise ValueError(f"watch(budget={budget}): give a share of the run's time from 0 to 1, such as 0.03")
        self._model = model
        self._optimizers = optimizer if isinstance(optimizer, list) else [optimizer] if optimizer is not None else []
        self._show = show
        self._budget = budget
        self.home: str | None = None
        self.before_update: Any = None
        self._temporary = None if store is not None else tempfile.TemporaryDirectory(prefix="flatline-")
        self.store = Path(store) if store is not None else Path(self._temporary.name) / "run.sqlite"  # type: ignore[union-attr]

    def __enter__(self) -> watch:
        self._writer = Writer(str(self.store))
        home = self.home or os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename))
        self.session = Session(self._writer.write, home if os.path.isdir(home) else None, budget=self._budget)
        self._patches = Patches()
        self._printed = PrintedProbe(self.session)
        self._printed.install(self._patches)
        versions = {"python": sys.version.split()[0], "torch": str(torch.__version__)}
        self.session.emit(
            RunStarted(
                list(sys.argv),
                os.getcwd(),
                versions,
                time.time(),
                int(os.environ.get("RANK", "0")),
                torch.initial_seed(),
                os.getpid(),
                machine(),
            )
        )
        self.probes = Probes(self.session, self.before_update)
        self.probes.install()
        for item in self._optimizers:
            self.session.guarded("optimizer", lambda item=item: self.probes.announce(item))()
        if self._model is not None:
            self.session.guarded("forward", lambda: self.probes.announce(self._model))()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from flatline.record.reader import read
        from flatline.report.terminal import show
        from flatline.verdict import diagnose

        session = self.session
        session.guarded("printed", self._printed.finish)()
        session.emit(
            RunEnded(session.now(), session.step, kind.__name__ if kind else None, str(error) if error else None, None)
        )
        session.stop()
        self.probes.uninstall()
        self._patches.remove()
        self._writer.close()
        recording = read(self.store)
        self.verdict = diagnose(recording)
        self._curve = recording.optimised[0].values if recording.optimised else None
        if self._temporary is not None:
            self._temporary.cleanup()
        if self._show:
            more = "flatline report --verbose" if self._temporary is None else "verdict.ruled_out"
            show(self.verdict, curve=self._curve, more=more)

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None, which is the plain representation, while the block has not ended."""
        from flatline.report.notebook import as_html

        return as_html(self.verdict, self._curve) if hasattr(self, "verdict") else None
