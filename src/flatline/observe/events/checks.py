"""Where `flatline check` ended the program, and what its checks measured."""

from __future__ import annotations

from flatline.observe.events.base import Record


class StoppedBeforeUpdate(Record):
    """``flatline check`` ended the program here: ``operation`` was about to change weights for the first time.

    ``parameters`` are those that it would have changed; ``optimizer`` is -1 for an update written by hand. ``after``:
    the update makes new tensors, which is seen only once it has happened.
    """

    tick: int
    step: int
    place: int | None
    operation: str
    optimizer: int = -1
    parameters: list[int] = []
    after: bool = False


class Checked(Record):
    """The outcome of one check before training: ``passed``, ``failed``, ``expected`` (it shows, and is meant to) or
    ``undone`` with the reason; ``text`` says it in one sentence, ``numbers`` are what it measured."""

    tick: int
    step: int
    name: str
    outcome: str
    text: str
    numbers: dict[str, float] = {}
    parameters: list[int] = []
    modules: list[str] = []
