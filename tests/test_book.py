"""The book builds without a dead link, its Python blocks run, its commands parse, and its questions lead to the cause."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from flatline.causes.base import catalogue
from flatline.causes.case import Case
from flatline.cli import main
from flatline.questions import CAUSES, QUESTIONS, narrow
from flatline.record.reader import read
from flatline.symptoms.base import find_all

ROOT = Path(__file__).parent.parent
CASES = ROOT / "bench" / "cases"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_book_builds_without_a_warning(tmp_path: Path) -> None:
    """Warnings are dead links, pages that nothing leads to, names that autodoc cannot import."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(tmp_path / "doctrees"),
         str(ROOT / "docs"), str(tmp_path / "book")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    # It is read offline: nothing is fetched when a page is opened.
    page = (tmp_path / "book" / "why-zero.html").read_text(encoding="utf-8")
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//[^\"]+", page) == []


PYTHON = [page for page in PAGES if re.search(r"^```python", page.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a reader has at hand before the first block: a model, its data, a way to train, a recorded run."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(TensorDataset(torch.randn(64, 4), torch.randn(64, 1)), batch_size=32)

    def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for inputs, target in loader:
            optimizer.zero_grad()
            F.mse_loss(model(inputs), target).backward()
            optimizer.step()

    folder = tmp_path_factory.mktemp("runs")
    run_case("learning-rate-zero/" + sorted((CASES / "learning-rate-zero").glob("faulty_*.py"))[0].stem, folder)
    store = next(folder.glob("*.sqlite"))
    return {
        "model": model,
        "optimizer": optimizer,
        "loader": loader,
        "loss": F.mse_loss,
        "train": train,
        "store": store,
    }


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page: Path, readers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(page)
    document.namespace.update(readers)
    examples = list(document.examples())
    assert examples
    for example in examples:
        example.evaluate()


def run_case(name: str, runs: Path) -> None:
    program = runs / f"{name.partition('/')[2]}.py"
    program.write_bytes((CASES / f"{name}.py").read_bytes())
    command = [sys.executable, "-m", "flatline", "run", "--quiet", "--runs", ".", program.name]
    subprocess.run(command, cwd=runs, capture_output=True, check=True)


def commands(page: Path) -> list[str]:
    """The lines that a page tells to type, without what is said of them after two blanks or a #."""
    typed = []
    text = page.read_text(encoding="utf-8")
    blocks = [body for language, body in FENCE.findall(text) if language in ("", "console", "bash", "yaml")]
    blocks.append("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    for line in "\n".join(blocks).splitlines():
        match = re.match(r"\s*(?:\$ |- run: )?((?:[A-Z_]+=\S+ )*flatline [a-z].*)", line)
        if match:
            typed.append(re.sub(r"^(?:[A-Z_]+=\S+ )*flatline ", "", re.split(r"\s{2,}|\s+#", match[1])[0]))
    return sorted(set(typed))


TYPED = sorted({command for page in PAGES for command in commands(page)})


@pytest.mark.parametrize("command", TYPED)
def test_a_command_of_the_book_is_one(command: str) -> None:
    """It names a command, and options that this command has."""
    context, found, words = click.Context(main), main, shlex.split(command)
    while isinstance(found, click.Group) and words:
        context = click.Context(found, parent=context, info_name=words[0])
        child = found.get_command(context, words[0])
        if child is None:
            break
        found, words = child, words[1:]
    assert found is not main, f"there is no command {words[0]}"
    found.make_parser(click.Context(found, **found.context_settings)).parse_args(list(words))


def test_the_questions_name_causes_that_exist() -> None:
    named = {cause for q in QUESTIONS for a in q.answers.values() for cause in (a.leaves or set()) | a.without}
    assert named <= CAUSES <= set(catalogue())
    # No question is idle: each has answers that leave different causes.
    for question in QUESTIONS[:-1]:
        assert len({frozenset(answer.among(set(CAUSES))) for answer in question.answers.values()}) > 1, question.asks


ZEROS = (
    "one-class-softmax/faulty_blob_segmentation", "empty-epoch/faulty_zip_pairs",
    "inactive-margin/faulty_ranking_scores", "zero-by-design/healthy_surrogate_magic",
)  # fmt: skip


@pytest.mark.parametrize("name", ZEROS)
def test_the_questions_lead_to_the_cause(name: str, tmp_path: Path) -> None:
    run_case(name, tmp_path)
    recording = read(next(tmp_path.glob("*.sqlite")))
    steps = narrow(Case(recording, find_all(recording)))
    assert name.partition("/")[0] in steps[-1].left
    assert len(steps[-1].left) < len(CAUSES) / 2
    shown = CliRunner().invoke(main, ["why", "--runs", str(tmp_path)])
    assert shown.exit_code == 0 and "verdict:" in shown.output
    assert all(question.asks.split()[0] in shown.output for question in QUESTIONS[: len(steps)])


def test_why_says_when_no_loss_is_zero(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "flatline", "run", "--quiet", "--runs", str(tmp_path), str(ROOT / "examples/textbook_a.py")],
        capture_output=True, check=True,
    )  # fmt: skip
    shown = CliRunner().invoke(main, ["why", "--runs", str(tmp_path)])
    assert shown.exit_code == 1
    assert "no loss of this run is zero" in shown.output
