"""How a program is started so that it is watched: its command, and the variables that pass our settings in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from flatline.changes import Change, encode

STARTUP = Path(__file__).with_name("startup")


class Program(msgspec.Struct, frozen=True):
    """A program as Python is told to run it.

    Attributes:
        python: the interpreter with its options.
        module: whether the first argument is the name of a module, as for ``python -m``.
        argv: the script or module, and its arguments.

    >>> Program(["python3", "-u"], False, ["train.py", "--lr", "1"]).command
    ['python3', '-u', 'train.py', '--lr', '1']
    """

    python: list[str]
    module: bool
    argv: list[str]

    @property
    def command(self) -> list[str]:
        return [*self.python, *(["-m"] if self.module else []), *self.argv]

    def home(self, folder: str) -> str:
        """The folder whose files are the program's own, when it is started in ``folder``."""
        if self.module:
            return folder
        real = os.path.realpath(os.path.join(folder, self.argv[0]))
        return real if os.path.isdir(real) else os.path.dirname(real)


def watched_environment(
    program: Program,
    store: Path,
    folder: str,
    environment: Mapping[str, str],
    show_status: bool = False,
    changes: Sequence[Change] = (),
    steps: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment for a program that is watched; ``startup/sitecustomize.py`` takes our part out again.

    Args:
        program: what is run.
        store: the file for its record.
        folder: where it is started.
        environment: the variables that it would have without us.
        show_status: whether to show the line at the bottom of the terminal.
        changes: what a trial changes.
        steps: after how many optimizer steps a trial ends.
        settings: further ones for the recorder, by their names without ``FLATLINE_RUN_``.
    """
    ours = {
        **(settings or {}),
        "STORE": str(store.absolute()),
        "STATUS": str(int(show_status)),
        "ARGUMENTS": str(len(program.argv)),
        "HOME": program.home(folder),
    }
    if changes:
        ours["CHANGES"] = encode(list(changes))
    if steps is not None:
        ours["STEPS"] = str(steps)
    own = environment.get("PYTHONPATH")
    if own is not None:
        ours["PYTHONPATH"] = own
    path = os.pathsep.join([str(STARTUP), own] if own else [str(STARTUP)])
    return {**environment, "PYTHONPATH": path, **{f"FLATLINE_RUN_{key}": value for key, value in ours.items()}}
