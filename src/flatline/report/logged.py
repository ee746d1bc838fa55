"""The verdict on a log in the terminal: what is seen, the causes that are left in one table, and the next command."""

from __future__ import annotations

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flatline.record.recording import Floats
from flatline.report.terminal import head, labelled, ruled_out
from flatline.report.words import harmless, standing, titles
from flatline.verdict import Verdict

MOST_NOTES = 5


def show(verdict: Verdict, console: Console | None = None, curve: Floats | None = None) -> None:
    """Prints the verdict on a log."""
    console = console or Console(stderr=True, highlight=False)
    verdict = harmless(verdict)
    log = verdict.log
    assert log is not None
    parts = head(verdict, console, curve)
    for fact in log.facts:
        parts.append(labelled("log", fact))
    if verdict.causes:
        parts += [
            Text(""),
            Text("Possible, with the share of real reports of this sight", style="bold yellow"),
            _causes(verdict),
        ]
    if verdict.ruled_out:
        parts += [Text(""), Text("Ruled out by this log", style="bold"), ruled_out(verdict.ruled_out, "  ")]
    if log.next:
        parts += [Text(""), labelled("next", f"{log.next}   ({log.why})", "green")]
    for note in log.notes[:MOST_NOTES]:
        parts.append(labelled("not read", note, "yellow"))
    if len(log.notes) > MOST_NOTES:
        parts.append(labelled("not read", f"{len(log.notes) - MOST_NOTES} notes more; --json has all", "yellow"))
    title, tag = standing(verdict)
    style = "red" if not verdict.healthy else "green" if tag == "healthy" else "yellow"
    console.print(
        Panel(
            Group(*parts),
            title=Text(f"flatline: {title}"),
            title_align="left",
            subtitle=Text(f"{log.path} · {log.format}"),
            subtitle_align="right",
            border_style=style,
            padding=(0, 1),
        )
    )


def _causes(verdict: Verdict) -> Table:
    """The causes that are left, with their share of the real reports."""
    known = titles()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for cause in verdict.causes:
        table.add_row(Text(f"  {cause.name}"), Text(f"{cause.confidence:.0%}"), Text(known.get(cause.name, "")))
    return table
