"""For Hugging Face's Trainer, and those of TRL: ``Trainer(callbacks=[FlatlineCallback()])``.

Needs ``pip install flatline[transformers]``.
"""

from __future__ import annotations

from typing import Any

from transformers.trainer_callback import TrainerCallback

from flatline.integrations.watching import Watching


class FlatlineCallback(Watching, TrainerCallback):
    """Watches ``Trainer.train`` and shows the report when it ends; see :class:`Watching` for the arguments.

    This Trainer tells its callbacks nothing of an error: then the report comes when Python ends.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.begin(kwargs.get("model"), kwargs.get("optimizer"))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.end()
