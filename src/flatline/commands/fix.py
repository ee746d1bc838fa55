"""``flatline fix``: finds changes of the source that cure what is wrong, and shows them as a diff."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flatline.commands.showing import diagnosed, newest_store, require_folder
from flatline.commands.starting import PASS_ON, launched, required, settle_all

if TYPE_CHECKING:
    from flatline.experiments.fixed import Fixes


@click.command(context_settings=PASS_ON)
@click.option("--apply", "write", is_flag=True, help="Write the fixes into the files; NAME.orig keeps what was there.")
@click.option(
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Run each change beside the program as it is, and offer none that does not cure it.",
)
@click.option("--last", is_flag=True, help="Take the newest record in the runs folder; run nothing to make one.")
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--diff", "diff_path", type=click.Path(dir_okay=False), help="Also write the diff to this file.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write what was found to this file.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors; for --diff, --json and --apply.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fix(
    write: bool,
    verify: bool,
    last: bool,
    module: bool,
    diff_path: str | None,
    json_path: str | None,
    quiet: bool,
    folder: str | None,
    program: str | None,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM with its ARGUMENTS, watched, and looks for a change of its source that cures what is wrong.

    PROGRAM may be the record of a run (RUN.sqlite). Each change is run, isolated, beside the program as it is; one that
    does not cure it is not offered. The diff is printed on stdout. No file of yours is changed without --apply.

    Exit status: 0 when every fault that was found has a fix, or there was none; 1 when one has none.
    """
    diff_file, json_file = require_folder("--diff", diff_path), require_folder("--json", json_path)
    store = _store(last, module, program, arguments, folder, quiet)
    if write and not verify:
        raise click.UsageError("--apply writes only what was run; leave out --no-verify, or apply the diff yourself")
    argv = None if program is None or (program.endswith(".sqlite") and not module) else (program, *arguments)
    found = (known_fixes(store) if write else None) or find_fixes(store, verify, quiet, argv)
    if found is None:
        sys.exit(1)
    if json_file is not None:
        _write_json(found, json_file, argv or ())
    if diff_file is not None:
        diff_file.write_bytes(found.diff.encode())
    if not quiet:
        _tell(store, found, write)
    if write and found.texts:
        _apply(found, quiet)
    sys.exit(0 if found.complete else 1)


def _tell(store: Path, found: Fixes, write: bool) -> None:
    """The fixes on stderr, and the diff on stdout."""
    from flatline.report.fixes import print_diff, show

    diagnosis = diagnosed(store)
    how = ""
    if not found.verified:
        how = "These changes were not run: leave out --no-verify to try them."
    elif not write:
        how = f"No file was changed. To write the fix: flatline fix --apply {os.path.relpath(store)}"
    show(diagnosis.verdict.summary if diagnosis is not None else "", found, how)
    print_diff(found)


def known_fixes(store: Path) -> Fixes | None:
    """The fixes that were found, and run, for this record before, while the files are what they were then."""
    from flatline.experiments.fixed import kept, restored

    found = kept(store)
    return restored(found) if found is not None and found.verified else None


def _write_json(found: Fixes, file: Path, argv: Sequence[str]) -> None:
    """What was found, without the texts of files and without secrets."""
    import msgspec

    from flatline.experiments.fixed import shareable
    from flatline.fixing.fixer import hidden

    file.write_bytes(msgspec.json.format(msgspec.json.encode(shareable(found, hidden(argv)))) + b"\n")


def find_fixes(store: Path, verify: bool, quiet: bool, argv: Sequence[str] | None = None) -> Fixes | None:
    """Looks for fixes of a recorded run; None when that cannot be done, and then the reason is told."""
    from flatline.fixing.fixer import fix_run
    from flatline.proving import CannotProve
    from flatline.record.store import StoreError
    from flatline.report.progress import TrialProgress

    try:
        with TrialProgress(quiet=quiet) as audience:
            return fix_run(store, verify, audience=audience, argv=argv)
    except (CannotProve, StoreError) as error:
        click.echo(f"flatline: no fix was looked for: {error}", err=True)
    except Exception as error:
        click.echo(f"flatline: the search for a fix failed ({type(error).__name__}: {error})", err=True)
    finally:
        settle_all(store)
    return None


def _store(
    last: bool, module: bool, program: str | None, arguments: tuple[str, ...], folder: str | None, quiet: bool
) -> Path:
    """The record to start from: a new run, or one that is there."""
    if last:
        if program is not None:
            raise click.UsageError("--last takes the newest record: leave out PROGRAM, or --last")
        return Path(newest_store(folder or ".flatline")).absolute()
    if program is None:
        raise click.UsageError("name a PROGRAM, or give --last for the newest record")
    if not module and program.endswith(".sqlite") and Path(program).is_file():
        if arguments:
            raise click.UsageError("a recorded run takes no arguments: it is started as it was recorded")
        return Path(program).absolute()
    module, program = required(module, program)
    return launched(module, program, arguments, folder, quiet)[1]


def _apply(found: Fixes, quiet: bool) -> None:
    from flatline.fixing.applying import CannotApply, apply

    try:
        done = apply(found.texts)
    except CannotApply as error:
        click.echo(f"flatline: nothing was applied: {error}", err=True)
        sys.exit(1)
    for file, copy in done if not quiet else []:
        click.echo(f"changed: {file} (as it was: {copy.name})", err=True)
