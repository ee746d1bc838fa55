"""The command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from flatline import __version__

STRICT_STATUS = 10
_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flatline")
def main() -> None:
    """Says why a neural network's loss is zero, stuck or NaN.

    \b
      flatline run train.py --its-args     run a training program and diagnose it
      flatline report                      the verdict of the last run again
      flatline causes explain NAME         what a cause is and how it is told apart

    Exit status: the program's own. 2 is a usage error; with --strict, 10 when a fault was found.
    """


@main.command(context_settings=_PASS_ON)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option("--quiet", is_flag=True, help="No status line and no report; with --json, only the file.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    module: bool,
    json_path: str | None,
    strict: bool,
    quiet: bool,
    folder: str | None,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM with its ARGUMENTS as plain python would, watches it, and says what is wrong.

    Options of flatline come before PROGRAM; everything after it is the program's.
    """
    from flatline.launcher import end_like, launch, new_store

    if not module:
        _require_program(program)
    if json_path is not None and not Path(json_path).absolute().parent.is_dir():
        raise click.UsageError(f"--json {json_path}: there is no folder {Path(json_path).absolute().parent}")
    store = new_store(folder)
    json_file = Path(json_path).absolute() if json_path is not None else None
    status = launch("module" if module else "script", program, arguments, store.absolute(), not quiet)
    verdict = _report(store.absolute(), json_file, quiet)
    if strict and status == 0 and verdict is not None and verdict.faults:
        status = STRICT_STATUS
    sys.exit(end_like(status))


def _require_program(program: str) -> None:
    path = Path(program)
    if not path.exists():
        near = [p.name for p in Path(path.parent).glob("*.py")][:5] if path.parent.is_dir() else []
        hint = f"; Python files there: {', '.join(sorted(near))}" if near else ""
        raise click.UsageError(f"there is no program {program!r} (looked in {path.absolute().parent}){hint}")
    try:
        with (path / "__main__.py" if path.is_dir() else path).open("rb"):
            pass
    except OSError as error:
        raise click.UsageError(f"{program!r} cannot be read: {error.strerror}") from error


def _report(store: Path, json_path: Path | None, quiet: bool) -> Any:
    """Diagnoses a store, prints and writes the verdict; a fault of ours here is told in one line."""
    from flatline.record.reader import read
    from flatline.record.store import StoreError
    from flatline.report.terminal import show
    from flatline.verdict import diagnose

    try:
        verdict = diagnose(read(store))
        if json_path is not None:
            verdict.write(json_path)
    except StoreError as error:
        click.echo(f"flatline: {error}", err=True)
        return None
    except OSError as error:
        click.echo(f"flatline: cannot write the verdict: {error}", err=True)
        return None
    except Exception as error:
        click.echo(
            f"flatline: the diagnosis failed ({type(error).__name__}: {error}); the record is kept in {store}", err=True
        )
        return None
    if not quiet:
        show(verdict)
        click.echo(f"record: {store}", err=True)
    return verdict


@main.command()
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write the verdict to this file.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.argument("store", required=False)
def report(json_path: str | None, folder: str, store: str | None) -> None:
    """Shows the verdict of a recorded run again: STORE, or the newest in the runs folder."""
    if store is None:
        stores = sorted(Path(folder).glob("*.sqlite"), key=lambda p: p.stat().st_mtime) if Path(folder).is_dir() else []
        if not stores:
            raise click.UsageError(f"no recorded run in {folder}; `flatline run PROGRAM` makes one")
        store = str(stores[-1])
    if _report(Path(store), Path(json_path) if json_path else None, quiet=False) is None:
        sys.exit(1)


@main.group(invoke_without_command=True)
@click.pass_context
def causes(context: click.Context) -> None:
    """Lists every cause that flatline knows; `explain NAME` tells one whole story."""
    if context.invoked_subcommand is None:
        from flatline.causes.base import catalogue

        for name, cause in catalogue().items():
            click.echo(f"{cause.row:4} {name:30} {cause.title}")


@causes.command()
@click.argument("name")
def explain(name: str) -> None:
    """Tells what a cause is, what shows it, how it is told apart, and the fix."""
    from difflib import get_close_matches

    from flatline.causes.base import catalogue

    known = catalogue()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `flatline causes` lists them"
        raise click.UsageError(f"no cause is called {name!r}{hint}")
    cause = known[name]
    click.echo(f"{name} ({cause.row}): {cause.title}\n\n{cause.story()}")
