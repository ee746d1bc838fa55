"""``flatline run``: runs a program, watches it, and says what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flatline.commands.showing import show_verdict
from flatline.launcher import end_like, launch, new_store, own_rank, wait_for_ranks

STRICT_STATUS = 10
_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_PASS_ON)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option("--prove", is_flag=True, help="Then prove it by experiment, as `flatline prove` does.")
@click.option("--quiet", is_flag=True, help="No status line and no report; with --json, only the file.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    module: bool,
    json_path: str | None,
    strict: bool,
    prove: bool,
    quiet: bool,
    folder: str | None,
    program: str,
    arguments: tuple[str, ...],
) -> None:
    """Runs PROGRAM with its ARGUMENTS as plain python would, watches it, and says what is wrong.

    Options of flatline come before PROGRAM; everything after it is the program's.
    """
    if not module:
        require_program(program)
    if json_path is not None and not Path(json_path).absolute().parent.is_dir():
        raise click.UsageError(f"--json {json_path}: there is no folder {Path(json_path).absolute().parent}")
    store = new_store(folder)
    json_file = Path(json_path).absolute() if json_path is not None else None
    status = launch("module" if module else "script", program, arguments, store.absolute(), not quiet)
    rank = own_rank()
    if rank is not None:
        if rank > 0:
            # One verdict for all ranks is enough, and one file; the first rank gives it.
            sys.exit(end_like(status))
        wait_for_ranks(store.absolute())
    if prove:
        from flatline.commands.prove import run_experiments

        run_experiments(store.absolute(), quiet=quiet)
    verdict = show_verdict(store.absolute(), json_file, quiet)
    if strict and status == 0 and verdict is not None and verdict.faults:
        status = STRICT_STATUS
    sys.exit(end_like(status))


def require_program(program: str) -> None:
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
