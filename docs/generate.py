"""Writes what can be written from the code: a page for each cause, and the real outputs in the other pages.

    python docs/generate.py [CAUSE …]

- docs/causes/<name>.md, a page for each cause from its file, with what a run of its first case prints and a picture of
  its loss; and the table docs/causes/README.md. With names, only the pages of these.
- docs/why-zero.md: the questions and what their answers leave, from flatline.questions.
- README.md, docs/start.md and docs/textbook.md: the block below each ``<!-- run PROGRAM -->`` is what
  ``flatline run PROGRAM`` prints at a width of 100, below ``<!-- why PROGRAM -->`` what ``flatline why`` then prints;
  docs/verdict.md: the block below ``<!-- verdict PROGRAM -->`` is its verdict file.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flatline.causes.base import Cause, catalogue
from flatline.questions import CAUSES, QUESTIONS
from flatline.record.reader import read
from flatline.record.recording import Recording

ROOT = Path(__file__).parent.parent
HEADINGS = ("What you see", "What is measured", "How it is told apart", "Experiment", "Fix", "References")

WITH_OUTPUT = ("README.md", "docs/start.md", "docs/textbook.md", "docs/verdict.md", "docs/why-zero.md")
BLOCK = re.compile(r"(<!-- (run|why|verdict) (\S+) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)
TREE = re.compile(r"(<!-- questions -->\n)(.*?)(<!-- end -->)", re.DOTALL)
SHOWN = re.compile(r"^## A run\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def page(name: str, cause: Cause) -> str:
    """One cause: its title, its story with the headings as markdown, and its cases."""
    rows = [f"# {name}", "", f"*{cause.title[0].upper()}{cause.title[1:]}.* Row {cause.row}, since {cause.since}.", ""]
    heading = ""
    for line in cause.page().splitlines():
        text = line.strip()
        if text in HEADINGS:
            heading = text
            rows += [f"## {text}", ""]
        elif heading == "References" and text:
            if rows[-1].startswith("- ") and not rows[-1].endswith((".", ">")):
                rows[-1] += f" {text}"  # a reference that goes on
            else:
                rows.append(f"- <{text}>" if re.fullmatch(r"https?://\S+", text) else f"- {text}")
        else:
            rows.append(_linked(text))
    rows += _run_of(name)
    return "\n".join([*rows, *_cases(name)]).rstrip() + "\n"


def _linked(text: str) -> str:
    """``other-cause`` in a story becomes a link to its page."""

    def link(match: re.Match[str]) -> str:
        return f"[`{match[1]}`]({match[1]}.md)" if match[1] in catalogue() else f"`{match[1]}`"

    return re.sub(r"``([^`]+)``", link, text)


def _cases(name: str) -> list[str]:
    paths = sorted((ROOT / "bench" / "cases" / name).glob("*.py"))
    rows = ["", "## Cases", "", f"`python bench/accuracy.py {name}` runs them."] if paths else []
    for kind, title in (("faulty_", "With the fault"), ("healthy_", "Healthy, though they look alike")):
        chosen = [path for path in paths if path.stem.startswith(kind)]
        if chosen:
            rows += ["", f"{title}:", ""]
            rows += [f"- [{path.stem}](../../bench/cases/{name}/{path.name}): {_purpose(path)}" for path in chosen]
    return rows


def example(name: str) -> Path | None:
    """The case that is shown on a cause's page: the first with the fault, or of a harmless cause the first healthy one."""
    paths = sorted((ROOT / "bench" / "cases" / name).glob("*.py"))
    chosen = [path for kind in ("faulty_", "healthy_") for path in paths if path.stem.startswith(kind)]
    return chosen[0] if chosen else None


def _run_of(name: str) -> list[str]:
    """The part of a page that only a run can write; empty until ``show`` has made it."""
    return ["", "## A run", ""] if example(name) is not None else []


def show(name: str, folder: Path) -> None:
    """Runs the case of a cause, and puts what it prints and the picture of its loss into the cause's page."""
    from picture import draw

    path = example(name)
    if path is None:
        return
    with tempfile.TemporaryDirectory() as own:
        # Run where it stands alone: a case may write files.
        program = Path(own, path.name)
        program.write_bytes(path.read_bytes())
        printed, _, recording = run(path.name, Path(own))
    rows = ["## A run", "", f"[{path.stem}](../../bench/cases/{name}/{path.name}): {_purpose(path)}", ""]
    image = folder.parent / "images" / "causes" / f"{name}.svg"
    image.parent.mkdir(parents=True, exist_ok=True)
    if draw(recording, image):
        rows += [f"![The loss of this run](../images/causes/{name}.svg)", ""]
    rows += ["```console", printed.rstrip(), "```", "", ""]
    page = folder / f"{name}.md"
    page.write_text(SHOWN.sub(lambda _: "\n".join(rows), page.read_text(encoding="utf-8")), encoding="utf-8")


def tree() -> str:
    """The questions in order; for each answer, which of the causes that can show a zero it leaves."""
    rows = [f"{len(CAUSES)} of the causes can make a loss zero, or make it look so.", ""]
    for number, question in enumerate(QUESTIONS, start=1):
        rows += [f"### {number}. {question.asks}", "", question.why, "", "| answer | leaves |", "|---|---|"]
        for answer in question.answers.values():
            left = answer.among(set(CAUSES))
            gone = set(CAUSES) - left
            text = _names(left) if len(left) <= len(gone) else f"all but {_names(gone)}" if gone else "all"
            rows.append(f"| {answer.text} | {text} |")
        rows.append("")
    return "\n".join(rows)


def _names(causes: set[str]) -> str:
    return ", ".join(f"[{name}](causes/{name}.md)" for name in sorted(causes))


def _purpose(path: Path) -> str:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.split("\n\n")[0].replace("\n", " ").strip()


def table(known: dict[str, Cause]) -> str:
    rows = ["# Causes", "", f"The {len(known)} causes that this version knows. Written by `make docs` from",
            "[src/flatline/causes](../../src/flatline/causes/base.py); `flatline causes explain NAME` prints the same.", "",
            "| name | cause | row |", "|---|---|---|"]  # fmt: skip
    rows += [f"| [{name}]({name}.md) | {cause.title} | {cause.row} |" for name, cause in sorted(known.items())]
    return "\n".join(rows) + "\n"


def write(folder: Path, names: Sequence[str] = ()) -> None:
    """Writes the pages of the causes, or of some, and the table; pages of causes that are gone are taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    known = catalogue()
    for name in names or known:
        (folder / f"{name}.md").write_text(page(name, known[name]), encoding="utf-8")
    (folder / "README.md").write_text(table(known), encoding="utf-8")
    for old in folder.glob("*.md"):
        if old.stem not in known and old.name != "README.md":
            old.unlink()


def refresh(path: Path) -> None:
    """Puts the present output of the programs named in a page into it."""

    def replaced(match: re.Match[str]) -> str:
        shown, verdict = output(match[3], why=match[2] == "why")
        return match[1] + (verdict if match[2] == "verdict" else shown) + match[5]

    text = path.read_text(encoding="utf-8")
    text = TREE.sub(lambda match: f"{match[1]}\n{tree()}\n{match[3]}", text)
    path.write_text(BLOCK.sub(replaced, text), encoding="utf-8")


@functools.cache
def output(program: str, why: bool = False) -> tuple[str, str]:
    """What is printed when a program is run, or by ``flatline why`` after it; and the verdict file."""
    printed, verdict, _ = run(program, ROOT, why)
    return printed, verdict.replace(f"{ROOT}/", "")


def run(program: str, where: Path, why: bool = False) -> tuple[str, str, Recording]:
    """Runs a program under flatline: what is printed, without the paths of record and page; the verdict; the record."""
    environment = {**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}

    def flatline(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "flatline", *arguments], cwd=where, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        ).stdout  # fmt: skip

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdict.json"
        printed, asked = flatline("run", "--runs", folder, "--json", str(file), program), f"$ flatline run {program}"
        if why:
            printed, asked = flatline("why", "--runs", folder), "$ flatline why"
        rows = [line.rstrip() for line in printed.splitlines() if not line.startswith(("record: ", "report: "))]
        store = next(path for path in sorted(Path(folder).glob("*.sqlite")))
        return "\n".join([asked, *rows]) + "\n", file.read_text(encoding="utf-8"), read(store)


if __name__ == "__main__":
    pages = ROOT / "docs" / "causes"
    write(pages, sys.argv[1:])
    for name in sys.argv[1:] or catalogue():
        show(name, pages)
    for name in WITH_OUTPUT if not sys.argv[1:] else ():
        refresh(ROOT / name)
