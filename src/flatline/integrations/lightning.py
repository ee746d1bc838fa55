"""For Lightning's Trainer: ``Trainer(callbacks=[FlatlineCallback()])``.

Needs ``pip install flatline[lightning]``.
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback

from flatline.integrations.watching import Watching


class FlatlineCallback(Watching, Callback):
    """Watches ``Trainer.fit`` and shows the report when it ends; see :class:`Watching` for the arguments."""

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self.begin(pl_module, getattr(trainer, "optimizers", None))

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.end(exception)
