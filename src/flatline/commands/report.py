"""``flatline report``: the verdict of a recorded run again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flatline.commands.showing import newest_store, show_verdict


@click.command()
@click.option("--json", "json_path", type=click.Path(dir_okay=False), help="Write the verdict to this file.")
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.argument("store", required=False)
def report(json_path: str | None, folder: str, store: str | None) -> None:
    """Shows the verdict of a recorded run again: STORE, or the newest in the runs folder."""
    store = store or newest_store(folder)
    if show_verdict(Path(store), Path(json_path) if json_path else None, quiet=False) is None:
        sys.exit(1)
