"""``flatline check``: looks at a program's first step, and stops it before its first update."""

from __future__ import annotations

import sys

import click

from flatline.commands.showing import deliver, diagnosed, require_folder
from flatline.commands.starting import PASS_ON, launched, only_first_rank, required, strict_status
from flatline.launcher import end_like


@click.command(context_settings=PASS_ON)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option("--quiet", is_flag=True, help="No report; with --json, only the file.")
@click.option("--overfit", is_flag=True, help="Also train a copy of the model on the first batch.")
@click.option("--seconds", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Time for the checks.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def check(
    module: bool,
    json_path: str | None,
    strict: bool,
    quiet: bool,
    overfit: bool,
    seconds: float,
    folder: str | None,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM up to its first update of weights, stops it there, and says what is wrong already.

    No update is made, and nothing of the program runs after the stop: no `finally`, no saving at its end. Options of
    flatline come before PROGRAM; everything after it is the program's.

    Exit status: 0; with --strict, 10 when a cause is likely or above; the program's own when it ends before an update.
    """
    module, program = required(module, program)
    json_file = require_folder("--json", json_path)
    import msgspec

    from flatline.preflight import Settings

    settings = {"CHECK": msgspec.json.encode(Settings(overfit, seconds)).decode()}
    status, store = launched(module, program, arguments, folder, quiet, settings)
    only_first_rank(status, store)
    found = diagnosed(store)
    deliver(found, store, json_file, None, quiet)
    sys.exit(end_like(strict_status(status, strict, found)))
