"""The fixes of a run in the terminal: each with the loss before and after it, and the ways out where there is none."""

from __future__ import annotations

import io
import sys

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from flatline.causes.base import Choice, catalogue
from flatline.experiments.fixed import Fixes, FixItem, LeftItem
from flatline.experiments.proof import CurveItem
from flatline.record.recording import Floats
from flatline.report.sparkline import sparkline
from flatline.report.visible import visible
from flatline.report.words import titles

_MOST_TRIED = 4
_WIDTH = 24


def show(summary: str, fixes: Fixes, how_to_apply: str = "", console: Console | None = None) -> None:
    """Prints what was found on stderr: fixes, faults without one, and how to apply what there is."""
    console = console or Console(stderr=True, highlight=False)
    known = titles()
    parts: list[RenderableType] = [Text(visible(summary), style="bold")]
    for item in fixes.fixes:
        parts += _fixed(item, known)
    for left in fixes.left:
        parts += _left(left, known)
    if how_to_apply and fixes.fixes:
        parts += [Text(""), Text(how_to_apply, style="dim")]
    count, left_over = len(fixes.fixes), len(fixes.left)
    if not count and not left_over:
        title, style = "nothing to fix", "green"
    else:
        found = "1 fix" if count == 1 else f"{count or 'no'} fixes"
        title = f"{found}, {left_over} left" if left_over else found
        style = "yellow" if left_over else "green"
    console.print(
        Panel(Group(*parts), title=f"flatline fix: {title}", title_align="left", border_style=style, padding=(0, 1))
    )


def print_diff(fixes: Fixes) -> None:
    """Prints the diff on stdout, alone: in colour on a terminal, else as a file that ``git apply`` takes."""
    if sys.stdout.isatty():
        console = Console(highlight=False)
        console.print(Syntax(visible(fixes.diff.replace("\r\n", "\n")), "diff", background_color="default"))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(fixes.diff.encode())
        sys.stdout.buffer.flush()


def _fixed(item: FixItem, titles: dict[str, str]) -> list[RenderableType]:
    place = f"{item.file.rsplit('/', 1)[-1]}:{item.line}"
    word = ("fix", "bold green") if item.verified else ("not tried", "bold yellow")
    head = Text.assemble(word, "  ", (item.cause, "bold"), f"  {titles.get(item.cause, '')}")
    parts: list[RenderableType] = [Text(""), head, Text.assemble("  ", (visible(place), "bold"), f"   {item.text}")]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    # The curves can be compared only when they are there as a whole.
    table.add_column(no_wrap=True, min_width=_WIDTH)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    before, after = _values(item.before), _values(item.after)
    rows = (
        ("before", before, after, item.before_told, item.before_symptoms),
        ("after", after, before, item.after_told, item.after_symptoms),
    )
    for label, values, beside, told, symptoms in rows:
        if len(values):
            drawn = sparkline(values, _WIDTH, beside)
            seen = ", ".join(symptoms) or "no symptom"
            table.add_row(Text(f"    {label}", style="dim"), Text(drawn, style="cyan"), Text(told), Text(seen, "dim"))
    return [*parts, table] if table.row_count else parts


def _left(item: LeftItem, titles: dict[str, str]) -> list[RenderableType]:
    head = Text.assemble(("no fix", "bold yellow"), "  ", (item.cause, "bold"), f"  {titles.get(item.cause, '')}")
    parts: list[RenderableType] = [Text(""), head, Text(f"  {visible(item.reason)}")]
    table = Table.grid(padding=(0, 2))
    for tried in item.tried[:_MOST_TRIED]:
        table.add_row(Text("    tried", style="dim"), Text(tried.text), Text(visible(tried.reason), style="dim"))
    word, choices = _ways_out(item.cause)
    for choice in choices:
        table.add_row(Text(f"    {word}", style="dim"), Text(choice.what), Text(choice.cost, style="dim"))
    return [*parts, table] if table.row_count else parts


def _ways_out(name: str) -> tuple[str, list[Choice]]:
    """The ways out that the cause names; where it names none, its remedy."""
    cause = catalogue().get(name)
    if cause is None:
        return "", []
    return ("choice", list(cause.choices)) if cause.choices else ("by hand", [Choice(cause.remedy(), "")])


def _values(curve: CurveItem | None) -> Floats:
    return np.array([float(value) for value in curve.values] if curve is not None else [])


def as_text(summary: str, fixes: Fixes, how_to_apply: str = "", width: int = 100) -> str:
    """What :func:`show` prints, as plain text of a given width."""
    console = Console(width=width, no_color=True, highlight=False, record=True, file=io.StringIO())
    show(summary, fixes, how_to_apply, console)
    return console.export_text()
