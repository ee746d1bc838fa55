"""What several commands share: diagnosing a store, showing the verdict, writing it in several forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flatline.record.recording import Recording
    from flatline.verdict import Verdict


@dataclass
class Diagnosed:
    """A store, what was read from it, and what follows."""

    store: Path
    recording: Recording
    verdict: Verdict


def diagnosed(store: Path, include_data: bool = False) -> Diagnosed | None:
    """Diagnoses a store; with ``include_data`` what is told may quote the program's data. A store that cannot be read, and a fault of ours, are told in one line."""
    from flatline.experiments.fixed import kept as kept_fixes
    from flatline.experiments.proof import kept
    from flatline.record.reader import read
    from flatline.record.state import state_of
    from flatline.record.store import StoreError
    from flatline.verdict import diagnose

    try:
        recording = read(store)
        for part in (recording, *recording.ranks):
            part.include_data = include_data
        verdict = diagnose(recording, kept(store))
        fixes = kept_fixes(store)
        for fix in fixes.fixes if fixes is not None else []:
            for cause in verdict.causes:
                if cause.name == fix.cause:
                    cause.fix.diff = fix.diff
        if verdict.run.ended is None and state_of(recording.run, recording.ended) == "killed":
            verdict.run.ended = "killed"
            given_up = any(failure.startswith("store:") for failure in verdict.probe_failures)
            why = "its record could not be written" if given_up else "it was killed, or it crashed"
            told = f"The end of the program is not on record: {why}."
            verdict.summary = f"{verdict.summary.removesuffix('.')}. {told}"
        return Diagnosed(store, recording, verdict)
    except StoreError as error:
        click.echo(f"flatline: {error}", err=True)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        click.echo(f"flatline: the diagnosis failed ({reason}); the record is kept in {store}", err=True)
    return None


def show(found: Diagnosed, verbose: bool = False) -> None:
    """Prints the verdict on the terminal, with the optimised loss in small; ``verbose`` with all that was ruled out."""
    from flatline.report import terminal

    curves = found.recording.optimised
    terminal.show(found.verdict, curve=curves[0].values if curves else None, verbose=verbose)


def write_json(found: Diagnosed, path: Path) -> bool:
    return _written("the verdict", path, lambda: found.verdict.write(path))


def write_html(found: Diagnosed, path: Path) -> bool:
    from flatline.report import html

    return _written("the report", path, lambda: html.write(path, found.recording, found.verdict, found.store))


def write_sarif(found: Diagnosed, path: Path) -> bool:
    from flatline.report import sarif

    return _written("the SARIF log", path, lambda: path.write_bytes(sarif.to_sarif(found.verdict) + b"\n"))


def _written(what: str, path: Path, write: Callable[[], object]) -> bool:
    """Whether it could be written; if not, the reason is told in one line."""
    try:
        write()
    except OSError as error:
        click.echo(f"flatline: cannot write {what} to {path}: {error.strerror or error}", err=True)
    except Exception as error:
        click.echo(f"flatline: {what} could not be made ({type(error).__name__}: {error})", err=True)
    else:
        return True
    return False


def deliver(found: Diagnosed | None, store: Path, json_file: Path | None, html: Path | None, quiet: bool) -> None:
    """Writes and shows what was found: the verdict file and the HTML report where they are named, and, unless
    ``quiet``, the verdict on the terminal and where the record lies."""
    if found is not None:
        if json_file is not None:
            write_json(found, json_file)
        if not quiet:
            try:
                show(found)
            except Exception as error:
                # A terminal that is gone, or cannot show it: the program's status is what counts.
                click.echo(f"flatline: the report cannot be shown here ({type(error).__name__}: {error})", err=True)
        if html is not None and write_html(found, html) and not quiet:
            click.echo(f"report: {html}", err=True)
        if not quiet:
            click.echo(f"record: {store}", err=True)


def page_of(store: Path) -> Path:
    """Where the HTML report of a store lies: beside it."""
    return store.with_suffix(".html")


def require_folder(option: str, path: str | None) -> Path | None:
    """The absolute path to be written to.

    Raises:
        click.UsageError: its folder does not exist.
    """
    if path is None:
        return None
    absolute = Path(path).absolute()
    if not absolute.parent.is_dir():
        raise click.UsageError(f"{option} {path}: there is no folder {absolute.parent}")
    return absolute


def path_of(name: str, folder: str) -> Path:
    """The store that is named: what is written like a path is one, there or not; else the start of a run's name.

    Raises:
        click.UsageError: no run of the folder is called so, or several are.
    """
    if name.endswith(".sqlite") or Path(name).name != name:
        return Path(name)
    from flatline.commands.runs import find

    return find(name, folder)


def newest_store(folder: str) -> str:
    """The path of the newest record in a runs folder.

    Raises:
        click.UsageError: there is none.
    """
    stores = sorted(Path(folder).glob("*.sqlite"), key=lambda p: p.stat().st_mtime) if Path(folder).is_dir() else []
    if not stores:
        raise click.UsageError(f"no recorded run in {folder}; `flatline run PROGRAM` makes one")
    return str(stores[-1])
