"""For fastai's Learner: ``Learner(dls, model, cbs=FlatlineCallback())``.

Needs ``pip install flatline[fastai]``.
"""

from __future__ import annotations

from fastai.callback.core import Callback

from flatline.integrations.watching import Watching


class FlatlineCallback(Watching, Callback):
    """Watches ``Learner.fit`` and shows the report when it ends; see :class:`Watching` for the arguments."""

    def before_fit(self) -> None:
        self.begin(self.learn.model, getattr(self.learn, "opt", None))

    def after_fit(self) -> None:
        self.end()
