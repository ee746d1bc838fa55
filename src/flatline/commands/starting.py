"""What the commands that run a program share: how it is named, started and waited for, and the status they end with."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click

from flatline.commands.showing import Diagnosed
from flatline.launcher import end_like, launch, new_store, own_rank, wait_for_ranks, write_exit
from flatline.launching import COMMANDS

STRICT_STATUS = 10
# Options of flatline come before the program; everything after it is the program's.
PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
_MOST_NEAR = 5


def launched(
    module: bool,
    program: str,
    arguments: tuple[str, ...],
    folder: str | None,
    quiet: bool,
    settings: dict[str, str] | None = None,
) -> tuple[int, Path]:
    """Runs a program that ``required`` has found to its end, watched: its status, and its store as one file."""
    store = new_store(folder).absolute()
    status = launch("module" if module else "script", program, arguments, store, not quiet, settings)
    if store.is_file() and not store.stat().st_size:
        # Taken for this run, and nothing was recorded.
        store.unlink()
    if own_rank() is not None:
        # torchrun sends SIGTERM to all ranks when one fails, and SIGKILL half a minute later: time for a verdict.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write_exit(store, status)
    settle_all(store)
    return status, store


def only_first_rank(status: int, store: Path) -> None:
    """Of ranks that were started together, the first goes on when all have ended; the others end here.

    One verdict for all ranks is enough, and one file.
    """
    rank = own_rank()
    if rank is not None:
        if rank > 0:
            sys.exit(end_like(status))
        wait_for_ranks(store)


def require_one_process(what: str) -> None:
    """Experiments start the program again, and only torchrun could start all of its ranks.

    Raises:
        click.UsageError: this is one of the processes that a torchrun started; only the first of them says so.
    """
    rank = own_rank()
    if rank is None:
        return
    if rank > 0:
        # torchrun ends all ranks when one has failed: the first is given time to say why.
        time.sleep(2)
        sys.exit(2)
    world = os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"])
    raise click.UsageError(
        f"{what} cannot run under torchrun, because its trials start all ranks again: put it before, as in "
        f"`flatline prove torchrun --nproc-per-node {world} PROGRAM`"
    )


def named(module: bool, program: str) -> tuple[bool, str]:
    """A program as Python finds it: the command of a starter (torchrun, accelerate) by its module, if no file here is called
    that.

    >>> named(False, "torchrun")
    (True, 'torch.distributed.run')
    """
    if module or program not in COMMANDS or Path(program).exists():
        return module, program
    return True, COMMANDS[program]


def strict_status(status: int, strict: bool, found: Diagnosed | None) -> int:
    """The program's own status; with ``strict``, 10 when it is 0 and a fault was found."""
    if strict and status == 0 and found is not None and found.verdict.faults:
        return STRICT_STATUS
    return status


def settle_all(store: Path) -> None:
    """Makes each store of the run one file, now that the program is gone."""
    # Here, not above: the program need not wait until numpy is imported.
    from flatline.record.reader import rank_stores
    from flatline.record.rows import settle

    for part in {store, *rank_stores(store)}:
        settle(part)


def required(module: bool, program: str) -> tuple[bool, str]:
    """What is to be run, as Python finds it (``named``): a module, or a script or folder that is there and can be read.

    Raises:
        click.UsageError: it is not; the message says what is there instead.
    """
    module, program = named(module, program)
    if not module:
        _require_script(program)
    return module, program


def _require_script(program: str) -> None:
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
