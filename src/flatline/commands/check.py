"""``flatline check``: looks at a program's first step, and stops it before its first update."""

from __future__ import annotations

import sys

import click

from flatline.commands.run import STRICT_STATUS, require_program, settle_all
from flatline.commands.showing import diagnosed, require_folder, show, write_json
from flatline.launcher import end_like, launch, new_store, own_rank, wait_for_ranks

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_PASS_ON)
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
    if not module:
        require_program(program)
    json_file = require_folder("--json", json_path)
    import msgspec

    from flatline.preflight import Settings

    store = new_store(folder).absolute()
    settings = {"CHECK": msgspec.json.encode(Settings(overfit, seconds)).decode()}
    kind = "module" if module else "script"
    status = launch(kind, program, arguments, store, not quiet, settings)
    settle_all(store)
    rank = own_rank()
    if rank is not None:
        if rank > 0:
            # One verdict for all ranks is enough; the first rank gives it.
            sys.exit(end_like(status))
        wait_for_ranks(store)
    found = diagnosed(store)
    if found is not None:
        if json_file is not None:
            write_json(found, json_file)
        if not quiet:
            show(found)
            click.echo(f"record: {store}", err=True)
    if strict and status == 0 and found is not None and found.verdict.faults:
        status = STRICT_STATUS
    sys.exit(end_like(status))
