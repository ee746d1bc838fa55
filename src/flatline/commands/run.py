"""``flatline run``: runs a program, watches it, and says what is wrong."""

from __future__ import annotations

import re
import sys

import click

from flatline.commands.showing import deliver, diagnosed, page_of, require_folder
from flatline.commands.starting import (
    PASS_ON,
    launched,
    only_first_rank,
    require_one_process,
    required,
    strict_status,
)
from flatline.launcher import end_like


def share(context: click.Context, option: click.Parameter, value: str) -> float:
    """A share of the run's time as it is written on the command line: ``3%`` or ``0.03``."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", value.strip())
    number = float(match[1]) / (100 if match[2] else 1) if match is not None else 2.0
    if number > 1:
        raise click.BadParameter(
            f"{value!r} is no share of the run's time; write 3% or 0.03 "
            "(how long experiments may take is an option of `flatline prove`)"
        )
    return number


@click.command(context_settings=PASS_ON)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False), help="HTML report (default: beside the record).")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option(
    "--budget", metavar="SHARE", default="3%", show_default=True, callback=share, help="Time that watching may add."
)
@click.option("--prove", is_flag=True, help="Then prove it by experiment, as `flatline prove` does.")
@click.option("--quiet", is_flag=True, help="No status line and no report; only the files that --json and --html name.")
@click.option(
    "--include-data", is_flag=True, help="Reports may quote your data: printed lines, messages, labels, rows."
)
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    module: bool,
    json_path: str | None,
    html_path: str | None,
    strict: bool,
    budget: float,
    prove: bool,
    quiet: bool,
    include_data: bool,
    folder: str | None,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM with its ARGUMENTS as plain python would, watches it, and says what is wrong.

    Options of flatline come before PROGRAM; everything after it is the program's.
    """
    module, program = required(module, program)
    if prove:
        require_one_process("--prove")
    json_file, page = require_folder("--json", json_path), require_folder("--html", html_path)
    status, store = launched(module, program, arguments, folder, quiet, {"BUDGET": str(budget)})
    only_first_rank(status, store)
    if prove:
        from flatline.commands.prove import run_experiments

        run_experiments(store, quiet=quiet, argv=(program, *arguments))
    found = diagnosed(store, include_data)
    deliver(found, store, json_file, page or (None if quiet else page_of(store)), quiet)
    sys.exit(end_like(strict_status(status, strict, found)))
