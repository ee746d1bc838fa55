"""``flatline why``: one question after the other, from a zero loss to what is left."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flatline.commands.showing import diagnosed, newest_store, path_of


@click.command()
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.argument("store", required=False)
def why(folder: str, store: str | None) -> None:
    """Asks why the loss is zero, one question after the other, and says what each answer leaves.

    STORE is a recorded run (a file, or the start of its name); the newest one if it is left out. Exit status 1 when no
    loss of that run is zero.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from flatline.causes.case import Case
    from flatline.questions import CAUSES, narrow, zero_of
    from flatline.symptoms.base import find_all

    found = diagnosed(path_of(store, folder) if store is not None else Path(newest_store(folder)))
    if found is None:
        sys.exit(1)
    case = Case(found.recording, find_all(found.recording))
    zero = zero_of(case)
    if zero is None:
        click.echo(f"flatline: no loss of this run is zero, nor printed as zero. {found.verdict.summary}", err=True)
        sys.exit(1)
    console = Console(highlight=False)
    console.print(Text(f"{zero.text[:1].upper()}{zero.text[1:]}. {len(CAUSES)} causes can show this.", "bold"))
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(overflow="fold")
    left = len(CAUSES)
    steps = narrow(case)
    for number, step in enumerate(steps, start=1):
        remaining = Text(f"{len(step.left)} left" if len(step.left) < left else "", "dim")
        left = len(step.left)
        style = "dim" if not step.measured else "bold"
        table.add_row(Text(f"{number}  {step.asks}"), Text(step.answer, style), Text(step.measured, "cyan"), remaining)
    console.print(table)
    console.print(Text.assemble(("left: ", "bold"), ", ".join(steps[-1].left)))
    # The verdict rests on more than these questions.
    console.print(Text.assemble(("verdict: ", "bold"), found.verdict.summary))
