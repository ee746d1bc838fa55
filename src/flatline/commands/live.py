"""``flatline live``: a local page on which runs can be watched."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: the one of last time, or any."
)
@click.option("--allow-remote", is_flag=True, help="Let --host be an address that other machines can reach.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
def live(folder: str, host: str, port: int, allow_remote: bool, open_browser: bool) -> None:
    """Serves a page on this machine that shows the runs of a folder while they go on, and afterwards.

    Only who has the printed address may see it. Ctrl-C ends it; runs are not touched by it.
    """
    try:
        from flatline.live.server import is_loopback, listen, serve
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"`flatline live` needs {error.name}, which is not installed; pip install 'flatline[live]'"
        ) from error
    if not is_loopback(host):
        if not allow_remote:
            raise click.UsageError(
                f"--host {host}: other machines could reach this. Forward a port instead (`ssh -L`, see docs/live.md), "
                "or add --allow-remote"
            )
        click.echo(
            "flatline: warning: other machines can reach this page, and what it sends is not encrypted; "
            "who reads the address on the way reads your runs",
            err=True,
        )
    try:
        place = listen(Path(folder).absolute(), host, port)
    except OSError as error:
        raise click.UsageError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; try another --port"
        ) from error
    click.echo(f"flatline live: {place.address(place.token)}")
    click.echo(f"runs in {folder}; Ctrl-C ends the page, not the runs", err=True)
    serve(Path(folder).absolute(), place, open_browser)
