"""``flatline run``: runs a program, watches it, and says what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flatline.commands.showing import diagnosed, page_of, require_folder, show, write_html, write_json
from flatline.launcher import end_like, launch, new_store, own_rank, wait_for_ranks

STRICT_STATUS = 10
_MOST_NEAR = 5
_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_PASS_ON)
@click.option("-m", "module", is_flag=True, help="PROGRAM is a module name, as for `python -m`.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Also write the verdict to this file.")
@click.option("--html", "html_path", type=click.Path(dir_okay=False), help="HTML report (default: beside the record).")
@click.option("--strict", is_flag=True, help="Exit with 10 when a cause is likely or proven.")
@click.option("--prove", is_flag=True, help="Then prove it by experiment, as `flatline prove` does.")
@click.option("--quiet", is_flag=True, help="No status line and no report; only the files that --json and --html name.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), help="Folder for the record (default: .flatline).")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    module: bool,
    json_path: str | None,
    html_path: str | None,
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
    json_file, page = require_folder("--json", json_path), require_folder("--html", html_path)
    store = new_store(folder).absolute()
    status = launch("module" if module else "script", program, arguments, store, not quiet)
    settle_all(store)
    rank = own_rank()
    if rank is not None:
        if rank > 0:
            # One verdict for all ranks is enough, and one file; the first rank gives it.
            sys.exit(end_like(status))
        wait_for_ranks(store)
    if prove:
        from flatline.commands.prove import run_experiments

        run_experiments(store, quiet=quiet)
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
    sys.exit(end_like(status))


def settle_all(store: Path) -> None:
    """Makes each store of the run one file, now that the program is gone."""
    # Here, not above: the program need not wait until numpy is imported.
    from flatline.record.reader import rank_stores
    from flatline.record.rows import settle

    for part in {store, *rank_stores(store)}:
        settle(part)


def require_program(program: str) -> None:
    """The script, or the folder with a ``__main__.py``, is there and can be read.

    Raises:
        click.UsageError: it is not; the message says what is there instead.
    """
    path = Path(program)
    if program.startswith("-"):
        # Options that are not ours are taken for the program's; before PROGRAM there can be none of those.
        raise click.NoSuchOption(program.partition("=")[0])
    if not path.exists():
        near = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        more = ", …" if len(near) > _MOST_NEAR else ""
        hint = f"; Python files there: {', '.join(near[:_MOST_NEAR])}{more}" if near else ""
        raise click.UsageError(f"there is no program {program!r} (looked in {path.absolute().parent}){hint}")
    if path.is_dir() and not (path / "__main__.py").exists():
        raise click.UsageError(f"{program!r} is a folder and has no __main__.py that could be run")
    try:
        with (path / "__main__.py" if path.is_dir() else path).open("rb"):
            pass
    except OSError as error:
        raise click.UsageError(f"{program!r} cannot be read: {error.strerror}") from error
