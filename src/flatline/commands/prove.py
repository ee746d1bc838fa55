"""``flatline prove``: runs the program again with one thing changed, and says what that proves."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from flatline.commands.showing import deliver, diagnosed, page_of, require_folder
from flatline.commands.starting import (
    PASS_ON,
    launched,
    require_one_process,
    required,
    settle_all,
    strict_status,
)
from flatline.launcher import end_like

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def seconds(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """A time as it is written on the command line: ``90``, ``60s``, ``5m`` or ``2h``."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([smh]?)", value.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no time; write 90, 60s, 5m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def size(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """A number of bytes as it is written on the command line: ``4GB`` or ``500MB``."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([kmgt])i?b?", value.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no size; write 4GB or 500MB")
    return int(float(match[1]) * _SIZES[match[2]])


def enough(context: click.Context, option: click.Parameter, value: int | None) -> int | None:
    """A number of seeds from which something can follow."""
    if value is not None and 1 < value < 6:
        # Five further ones: flatline.experiments.replication, which is too heavy to import before it is needed.
        raise click.BadParameter("write 1, or at least 6; with fewer seeds no result could be told from chance")
    return value


@click.command(context_settings=PASS_ON)
@click.option(
    "--budget", metavar="TIME", callback=seconds, help="Time for all trials, such as 60s or 5m (default: no limit)."
)
@click.option("--max-trials", type=click.IntRange(min=2), default=30, show_default=True, help="Runs, with the control.")
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    callback=enough,
    help="Seeds for a proof in which chance may play a part (default: as many as its test needs, within 2 minutes).",
)
@click.option(
    "--memory", metavar="SIZE", callback=size, help="Memory for one trial, such as 4GB (default: what is free, shared)."
)
@click.option("--on", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Where trials run.")
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False), help="HTML report (default: beside the record).")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option("--quiet", is_flag=True, help="No progress and no report; only the files that --json and --html name.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def prove(
    budget: float | None,
    max_trials: int,
    seeds: int | None,
    memory: int | None,
    on: str,
    module: bool,
    json_path: str | None,
    html_path: str | None,
    strict: bool,
    quiet: bool,
    folder: str | None,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM with its ARGUMENTS, watched, and then again and again with one thing changed, beside a control.

    PROGRAM may be the record of a run (RUN.sqlite): then only the trials are run. A trial changes no file of yours
    and reaches no network. Ctrl-C ends the trials; what is decided until then is shown.
    """
    require_one_process("flatline prove")
    json_file, page = require_folder("--json", json_path), require_folder("--html", html_path)
    if not module and program.endswith(".sqlite") and Path(program).is_file():
        if arguments:
            raise click.UsageError("a recorded run takes no arguments: it is started as it was recorded")
        status, store = 0, Path(program).absolute()
    else:
        module, program = required(module, program)
        status, store = launched(module, program, arguments, folder, quiet)
    argv = None if program.endswith(".sqlite") and not module else (program, *arguments)
    proven = run_experiments(store, on, budget, max_trials, memory, quiet, argv, seeds)
    found = diagnosed(store)
    deliver(found, store, json_file, page or (None if quiet else page_of(store)), quiet)
    status = strict_status(status, strict, found)
    sys.exit(end_like(1 if status == 0 and not proven else status))


def run_experiments(
    store: Path,
    on: str = "local",
    budget: float | None = None,
    max_trials: int = 30,
    memory: int | None = None,
    quiet: bool = False,
    argv: tuple[str, ...] | None = None,
    seeds: int | None = None,
) -> bool:
    """Makes the experiments on a recorded run. Whether they could be made; if not, the reason is shown.

    ``argv`` is the program with its arguments, when they were given just now.
    """
    from flatline.experiments.ray_runner import RayUnavailable
    from flatline.proving import CannotProve, prove_run
    from flatline.record.store import StoreError
    from flatline.report.progress import TrialProgress

    try:
        with TrialProgress(quiet=quiet) as audience:
            prove_run(store, on, budget, max_trials, memory, audience, argv=argv, seeds=seeds)
    except (CannotProve, RayUnavailable, StoreError) as error:
        click.echo(f"flatline: no experiments were made: {error}", err=True)
        return False
    except Exception as error:
        click.echo(f"flatline: the experiments failed ({type(error).__name__}: {error})", err=True)
        return False
    finally:
        settle_all(store)
    return True
