"""For Accelerate, whose form of a callback is a tracker: ``Accelerator(log_with=FlatlineTracker())``.

Needs ``pip install flatline[accelerate]``.
"""

from __future__ import annotations

from typing import Any

from accelerate.tracking import GeneralTracker

from flatline.integrations.watching import Watching


class FlatlineTracker(Watching, GeneralTracker):
    """Watches from ``accelerator.init_trackers`` to ``accelerator.end_training``, and then shows the report.

    See :class:`Watching` for the arguments. What is logged with ``accelerator.log`` is not needed and not kept.
    """

    name = "flatline"
    requires_logging_directory = False
    # Each process is recorded by itself, and Accelerate calls the methods of a tracker in the first one.
    main_process_only = True

    @property
    def tracker(self) -> Any:
        return self

    def start(self) -> None:
        self.begin()

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.begin()

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        pass

    def finish(self) -> None:
        self.end()
