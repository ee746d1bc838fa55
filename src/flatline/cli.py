"""The command line: finds the commands, one a file, and loads only the one that is asked for."""

from __future__ import annotations

import importlib
import pkgutil

import click

from flatline import __version__, commands


class Commands(click.Group):
    """A command is a module of ``flatline.commands`` that holds a click command of its own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
        return [name for name in names if self.get_command(ctx, name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not cmd_name.isidentifier():
            return None
        name = f"{commands.__name__}.{cmd_name}"
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            return None
        found = getattr(module, cmd_name, None)
        return found if isinstance(found, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flatline")
def main() -> None:
    """Says why a neural network's loss is zero, stuck or NaN.

    \b
      flatline run train.py --its-args     run a training program and diagnose it
      flatline check train.py              look at its first step, and stop before the first update
      flatline prove train.py --its-args   run it again with one thing changed: proof
      flatline fix train.py --its-args     a change of its source that cures it, tried out, as a diff
      flatline demo                        a small failing program, to watch a diagnosis
      flatline report                      the verdict of the last run again
      flatline causes explain NAME         what a cause is and how it is told apart

    Exit status: the program's own. 2 is a usage error; with --strict, 10 when a fault was found.
    """
