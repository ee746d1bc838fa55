"""``flatline demo``: runs a small failing program, so that one can watch a diagnosis."""

from __future__ import annotations

import ast
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from flatline.commands.showing import deliver, diagnosed, page_of
from flatline.commands.starting import launched

PROGRAMS = Path(__file__).parents[1] / "demos"


@click.command()
@click.option("--list", "show_list", is_flag=True, help="List the programs and what one sees when they run.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to write the program (default: a new folder).")
@click.argument("name", required=False)
def demo(show_list: bool, folder: str | None, name: str | None) -> None:
    """Runs a program that fails, and diagnoses it: NAME, or one picked from a menu.

    The program is written to a folder of its own, where it can be looked at, run again, proven and fixed.
    """
    known = programs()
    if show_list:
        click.echo(_menu(known))
        return
    chosen = _resolved(name, known) if name is not None else _asked(known)
    source = PROGRAMS / f"{chosen}.py"
    place = Path(folder).absolute() if folder is not None else Path(tempfile.mkdtemp(prefix="flatline-demo-"))
    try:
        place.mkdir(parents=True, exist_ok=True)
        if (place / source.name).exists() and (place / source.name).read_bytes() != source.read_bytes():
            raise click.UsageError(f"{place / source.name} is there already and is another program")
        shutil.copyfile(source, place / source.name)
        os.chdir(place)
    except OSError as error:
        raise click.UsageError(f"{place} cannot be written to: {error.strerror or error}") from error
    click.echo(f"{known[chosen]}\n$ cd {place}\n$ flatline run {source.name}", err=True)
    _, store = launched(False, source.name, (), None, False)
    found = diagnosed(store)
    deliver(found, store, None, page_of(store), False)
    if found is None:
        sys.exit(1)
    click.echo(
        f"\nWhat next, in {place}:\n"
        f"  flatline prove {source.name}   run it again with one thing changed: proof\n"
        f"  flatline fix {source.name}     a change of the source that cures it, tried out",
        err=True,
    )


def programs() -> dict[str, str]:
    """The programs by name, with the first line of what they say of themselves."""
    found = {}
    for file in sorted(PROGRAMS.glob("*.py")):
        told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        found[file.stem] = told.partition("\n")[0]
    return found


def _menu(known: dict[str, str]) -> str:
    width = max(len(name) for name in known)
    return "\n".join(f"  {number}  {name:{width}}  {told}" for number, (name, told) in enumerate(known.items(), 1))


def _resolved(name: str, known: dict[str, str]) -> str:
    """A program by its name, or by its number in the menu.

    Raises:
        click.UsageError: there is none.
    """
    plain = name.removesuffix(".py").replace("-", "_")
    if plain in known:
        return plain
    if name.isdecimal() and 1 <= int(name) <= len(known):
        return list(known)[int(name) - 1]
    raise click.UsageError(f"there is no program {name!r}; choose one:\n{_menu(known)}")


def _asked(known: dict[str, str]) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"name a program, as nobody can be asked here:\n{_menu(known)}")
    click.echo(_menu(known), err=True)
    number = click.prompt("Which one", type=click.IntRange(1, len(known)), default=1, err=True)
    return list(known)[number - 1]
