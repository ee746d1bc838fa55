"""What several commands share: diagnosing a store and showing the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flatline.verdict import Verdict


def show_verdict(store: Path, json_path: Path | None, quiet: bool) -> Verdict | None:
    """Diagnoses a store, prints and writes the verdict; a fault of ours here is told in one line."""
    from flatline.experiments.proof import kept
    from flatline.record.reader import read
    from flatline.record.store import StoreError
    from flatline.report.terminal import show
    from flatline.verdict import diagnose

    try:
        verdict = diagnose(read(store), kept(store))
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


def newest_store(folder: str) -> str:
    """The path of the newest record in a runs folder.

    Raises:
        click.UsageError: there is none.
    """
    stores = sorted(Path(folder).glob("*.sqlite"), key=lambda p: p.stat().st_mtime) if Path(folder).is_dir() else []
    if not stores:
        raise click.UsageError(f"no recorded run in {folder}; `flatline run PROGRAM` makes one")
    return str(stores[-1])
