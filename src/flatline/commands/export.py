"""``flatline export``: the verdict, curves and events of a recorded run, for the tool in which a person keeps runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flatline.commands.showing import diagnosed, newest_store, path_of

TARGETS = ("tensorboard", "wandb", "mlflow")


@click.command()
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The tool.")
@click.option(
    "--into",
    type=click.Path(),
    help="Where to: TensorBoard's log directory (default: runs), the folder of W&B's folder `wandb` (default: here), "
    "MLflow's database or folder (default: mlflow.db).",
)
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.argument("store", required=False)
def export(target: str, into: str | None, folder: str, store: str | None) -> None:
    """Writes a recorded run where TensorBoard, W&B (offline) or MLflow shows it beside your own: STORE (a file, or the
    start of a run's name), or the newest run. Nothing is sent over the network.

    Exit status: 0; 1 when the record cannot be read or the export cannot be written; 2 is a usage error.
    """
    from importlib import import_module

    from flatline.export.content import content

    writer = import_module(f"flatline.export.{target}")
    found = diagnosed(path_of(store, folder) if store is not None else Path(newest_store(folder)))
    if found is None:
        sys.exit(1)
    try:
        told = writer.export(content(found.recording, found.verdict, found.store), Path(into or writer.DEFAULT))
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"`flatline export --to {target}` needs {error.name}, which is not installed; pip install 'flatline[{target}]'"
        ) from error
    except OSError as error:
        click.echo(f"flatline: cannot write {into or writer.DEFAULT}: {error.strerror or error}", err=True)
        sys.exit(1)
    except Exception as error:
        click.echo(f"flatline: {writer.PACKAGE} could not take the run: {type(error).__name__}: {error}", err=True)
        sys.exit(1)
    click.echo(f"exported {found.store.name} to {told}")
