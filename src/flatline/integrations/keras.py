"""For Keras 3 with the torch backend: ``model.fit(x, y, callbacks=[FlatlineCallback()])``.

Needs ``pip install flatline[keras]``.
"""

from __future__ import annotations

from typing import Any

from keras.callbacks import Callback

from flatline.integrations.watching import Watching


class FlatlineCallback(Watching, Callback):
    """Watches ``Model.fit`` and shows the report when it ends; see :class:`Watching` for the arguments.

    Keras tells its callbacks nothing of an error: then the report comes when Python ends.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.begin(self.model, getattr(self.model, "optimizer", None))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.end()
