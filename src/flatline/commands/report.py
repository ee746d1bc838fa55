"""``flatline report``: the verdict of a recorded run again, and in every form."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from flatline.commands.showing import (
    Diagnosed,
    diagnosed,
    newest_store,
    page_of,
    path_of,
    require_folder,
    show,
    write_html,
    write_json,
    write_sarif,
)

_FILE = click.Path(dir_okay=False)


@click.command()
@click.option("--html", "html_path", type=_FILE, help="Where to write the HTML report (default: beside the record).")
@click.option("--json", "json_path", type=_FILE, help="Write the verdict to this file.")
@click.option("--sarif", "sarif_path", type=_FILE, help="Write the causes as SARIF 2.1.0, for code review tools.")
@click.option("--markdown", is_flag=True, help="Print Markdown for an issue on stdout, and nothing on the terminal.")
@click.option("-v", "--verbose", is_flag=True, help="Name every cause that was ruled out, and by which measurement.")
@click.option("--open", "open_page", is_flag=True, help="Open the HTML report in a browser.")
@click.option(
    "--include-data", is_flag=True, help="Reports may quote your data: printed lines, messages, labels, rows."
)
@click.option("--runs", "folder", type=click.Path(file_okay=False), default=".flatline", show_default=True)
@click.argument("store", required=False)
def report(
    html_path: str | None,
    json_path: str | None,
    sarif_path: str | None,
    markdown: bool,
    verbose: bool,
    open_page: bool,
    include_data: bool,
    folder: str,
    store: str | None,
) -> None:
    """Shows the verdict of a recorded run again: STORE (a file, or the start of a run's name), or the newest run.

    It also writes the report as one HTML file that needs no network, and says where.
    """
    json_file, sarif_file = require_folder("--json", json_path), require_folder("--sarif", sarif_path)
    page = require_folder("--html", html_path)
    found = diagnosed(path_of(store, folder) if store is not None else Path(newest_store(folder)), include_data)
    if found is None:
        sys.exit(1)
    page = page or page_of(found.store)
    complete = True
    if json_file is not None:
        complete &= write_json(found, json_file)
    if sarif_file is not None:
        complete &= write_sarif(found, sarif_file)
    if markdown:
        from flatline.report.markdown import as_markdown

        click.echo(as_markdown(found.verdict), nl=False)
    else:
        show(found, verbose)
    if html_path is not None or open_page or not markdown:
        written = write_html(found, page)
        complete &= written
        if written:
            click.echo(f"report: {page}{_which(found) if store is None else ''}", err=True)
            if open_page:
                _open(page)
    sys.exit(0 if complete else 1)


def _which(found: Diagnosed) -> str:
    from flatline.report.visible import visible

    run = found.recording.run
    program = visible(shlex.join(run.argv)) or "no program on record"
    return f" (the newest run, {'a check of ' if run.check else ''}{program})"


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        click.echo(f"flatline: no browser could be started; open {page} in one", err=True)
