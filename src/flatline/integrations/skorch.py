"""For skorch: ``NeuralNetClassifier(Module, callbacks=[FlatlineCallback()])``.

Needs ``pip install flatline[skorch]``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skorch.callbacks import Callback

from flatline.integrations.watching import Watching


class FlatlineCallback(Watching, Callback):
    """Watches ``fit`` and shows the report when it ends; see :class:`Watching` for the arguments."""

    # skorch, as scikit-learn, reads the names of the settings from the signature, and their values from attributes.
    def __init__(self, store: str | Path | None = None, show: bool = True) -> None:
        Watching.__init__(self, store, show)
        self.store = store
        self.show = show

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.begin(getattr(net, "module_", None), getattr(net, "optimizer_", None))

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        self.end()
