"""``flatline runs``: the recorded runs, one against another, and away with old ones."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flatline.record.folder import Glance

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_FOLDER = click.option(
    "--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True, help="Folder of runs."
)


@click.group()
def runs() -> None:
    """Lists recorded runs, shows one, compares two, deletes old ones. A run is named by its file or the start of it."""


@runs.command("list")
@_FOLDER
def list_runs(folder: str) -> None:
    """Lists the recorded runs, newest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from flatline.record import folder as records
    from flatline.record.store import StoreError
    from flatline.report.visible import visible

    found = records.runs(folder)
    if not found:
        raise click.UsageError(f"no recorded run in {folder}; `flatline run PROGRAM` makes one")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("run", "started", "steps", "loss", "ended", "program"):
        table.add_column(
            name, justify="right" if name == "steps" else "left", overflow="fold", no_wrap=name in ("run", "steps")
        )
    for path, *others in found:
        try:
            row = _row(records.glance(path))
            row[0] += f" and {len(others)} ranks more" if others else ""
        except StoreError as error:
            row = [path.stem, "", "", "", str(error), ""]
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console(highlight=False).print(table)


def _row(run: Glance) -> list[str]:
    from flatline.causes.case import number

    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started)) if run.started else ""
    loss = f"{number(run.first)} → {number(run.last)}" if run.first is not None and run.last is not None else "none"
    return [run.path.stem, started, str(run.steps), loss, run.ended, run.program]


@runs.command()
@click.argument("run")
@_FOLDER
def show(run: str, folder: str) -> None:
    """Shows the verdict of RUN."""
    from flatline.commands.showing import diagnosed
    from flatline.commands.showing import show as show_verdict

    found = diagnosed(find(run, folder))
    if found is None:
        sys.exit(1)
    show_verdict(found)


@runs.command()
@click.argument("one")
@click.argument("other")
@_FOLDER
def compare(one: str, other: str, folder: str) -> None:
    """Shows two runs side by side; rows that differ are marked with an asterisk."""
    from rich.console import Console

    from flatline.commands.showing import diagnosed
    from flatline.report.comparison import comparison

    found = [diagnosed(find(name, folder)) for name in (one, other)]
    first, second = found
    if first is None or second is None:
        sys.exit(1)
    sides = [(item.store.stem, item.recording, item.verdict) for item in (first, second)]
    Console(highlight=False).print(comparison(sides[0], sides[1]))


@runs.command()
@click.option("--keep", type=click.IntRange(min=0), help="Keep the newest N runs.")
@click.option("--older", help="Only runs not written to for so long: 30m, 12h, 7d, 2w.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_FOLDER
def prune(keep: int | None, older: str | None, yes: bool, folder: str) -> None:
    """Deletes old runs with their reports, after asking. Files that are no record of flatline's are never touched."""
    from flatline.record import folder as records

    if keep is None and older is None:
        raise click.UsageError("say which: --keep N keeps the newest N, --older 7d takes those older than a week")
    age = seconds(older) if older is not None else 0.0
    old = [
        run
        for run in records.runs(folder)[keep or 0 :]
        if time.time() - max(path.stat().st_mtime for path in run) >= age
    ]
    if not old:
        click.echo("nothing to delete")
        return
    for run in old:
        size = sum(part.stat().st_size for path in run for part in records.parts(path))
        click.echo(f"{', '.join(map(str, run))}  {_size(size)}")
    if not yes:
        click.confirm(f"Delete {len(old)} run{'s' if len(old) > 1 else ''}?", abort=True)
    failed = False
    for run in old:
        if any(records.in_use(path) for path in run):
            click.echo(f"flatline: {run[0]} is kept: its run may still be going on", err=True)
            continue
        # The store last: what cannot be deleted then still belongs to one.
        for part in (part for path in run for part in reversed(records.parts(path))):
            try:
                part.unlink(missing_ok=True)
            except OSError as error:
                failed = True
                click.echo(f"flatline: cannot delete {part}: {error.strerror}", err=True)
                break
    sys.exit(1 if failed else 0)


def find(name: str, folder: str) -> Path:
    """The store that a name means: a file, or the one run in the folder whose name starts so.

    Raises:
        click.UsageError: none, or several.
    """
    from flatline.record.folder import stores

    if Path(name).is_file():
        return Path(name)
    known = stores(folder)
    found = [path for path in known if path.stem == name] or [path for path in known if path.stem.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{name!r} is the start of {len(found)} runs: {', '.join(p.stem for p in found[:5])}")
    newest = f"; the newest is {known[0].stem}" if known else ""
    raise click.UsageError(f"there is no run {name!r} in {folder}{newest}; `flatline runs list` lists them")


def seconds(age: str) -> float:
    """An age in seconds.

    >>> seconds("7d"), seconds("30m")
    (604800.0, 1800.0)

    Raises:
        click.UsageError: it is not a number with a unit.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", age.strip())
    if match is None:
        raise click.UsageError(f"--older {age}: not an age; 30m, 12h, 7d and 2w are")
    return float(match[1]) * _UNITS[match[2]]


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"
