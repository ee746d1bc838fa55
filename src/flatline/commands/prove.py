"""``flatline prove``: runs the program again with one thing changed, and says what that proves."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from flatline.commands.run import STRICT_STATUS, require_program, settle_all
from flatline.commands.showing import diagnosed, page_of, require_folder, show, write_html, write_json

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
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


@click.command(context_settings=_PASS_ON)
@click.option(
    "--budget", metavar="TIME", callback=seconds, help="Time for all trials, such as 60s or 5m (default: no limit)."
)
@click.option("--max-trials", type=click.IntRange(min=2), default=30, show_default=True, help="Runs, with the control.")
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
    json_file, page = require_folder("--json", json_path), require_folder("--html", html_path)
    status = 0
    if not module and program.endswith(".sqlite") and Path(program).is_file():
        if arguments:
            raise click.UsageError("a recorded run takes no arguments: it is started as it was recorded")
        store = Path(program)
    else:
        from flatline.launcher import launch, new_store

        if not module:
            require_program(program)
        store = new_store(folder)
        status = launch("module" if module else "script", program, arguments, store.absolute(), not quiet)
        settle_all(store)
    store = store.absolute()
    proven = run_experiments(store, on, budget, max_trials, memory, quiet)
    found = diagnosed(store)
    if found is not None:
        if json_file is not None:
            write_json(found, json_file)
        if not quiet:
            show(found)
        if page is not None or not quiet:
            page = page or page_of(store)
            if write_html(found, page) and not quiet:
                click.echo(f"report: {page}", err=True)
        if not quiet:
            click.echo(f"record: {store}", err=True)
    if strict and status == 0 and found is not None and found.verdict.faults:
        status = STRICT_STATUS
    if status == 0 and not proven:
        status = 1
    from flatline.launcher import end_like

    sys.exit(end_like(status))


def run_experiments(
    store: Path,
    on: str = "local",
    budget: float | None = None,
    max_trials: int = 30,
    memory: int | None = None,
    quiet: bool = False,
) -> bool:
    """Makes the experiments on a recorded run. Whether they could be made; if not, the reason is shown."""
    from flatline.experiments.ray_runner import RayUnavailable
    from flatline.proving import CannotProve, prove_run
    from flatline.record.store import StoreError
    from flatline.report.progress import TrialProgress

    try:
        with TrialProgress(quiet=quiet) as audience:
            prove_run(store, on, budget, max_trials, memory, audience)
    except (CannotProve, RayUnavailable, StoreError) as error:
        click.echo(f"flatline: no experiments were made: {error}", err=True)
        return False
    except Exception as error:
        click.echo(f"flatline: the experiments failed ({type(error).__name__}: {error})", err=True)
        return False
    finally:
        settle_all(store)
    return True
