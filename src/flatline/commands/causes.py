"""``flatline causes``: the catalogue."""

from __future__ import annotations

import click


@click.group(invoke_without_command=True)
@click.pass_context
def causes(context: click.Context) -> None:
    """Lists every cause that flatline knows; `explain NAME` tells one whole story."""
    if context.invoked_subcommand is None:
        from flatline.causes.base import catalogue

        for name, cause in catalogue().items():
            click.echo(f"{cause.row:4} {name:30} {cause.title}")


@causes.command()
@click.argument("name")
def explain(name: str) -> None:
    """Tells what a cause is, what shows it, how it is told apart, and the fix, or the choices with their costs."""
    from difflib import get_close_matches

    from flatline.causes.base import catalogue

    known = catalogue()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `flatline causes` lists them"
        raise click.UsageError(f"no cause is called {name!r}{hint}")
    cause = known[name]
    click.echo(f"{name} ({cause.row}): {cause.title}\n\n{cause.page()}")
