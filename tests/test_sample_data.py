"""Reports hold no sample data unless ``--include-data`` asks for it: neither texts, nor paths of data, nor single numbers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from flatline.cli import main
from flatline.record.printed import Number
from flatline.record.quoting import label_of, quoted
from flatline.record.reader import read
from flatline.record.recording import Recording
from flatline.record.rows import inflated, rows_after
from flatline.report.facts import facts
from flatline.verdict import diagnose
from runs import recording, runs_folder, watched, write

TEXT, PATH, NUMBER = "canaria", "serinus", "31337"
# Neither the least nor the greatest: those are statistics, and shown.
TRAIN = """
    import csv, pathlib, torch
    torch.manual_seed(0)
    [path] = pathlib.Path("data").glob("*.csv")
    rows = [(name, float(size), float(price)) for name, size, price in csv.reader(path.open())]
    x = torch.tensor([[size] for _, size, _ in rows])
    y = torch.tensor([[price] for _, _, price in rows])
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    seen = {}
    for epoch in range(8):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # The last row is the worst, as a person looks for it.
        print(f"worst {rows[1][0]} at {rows[1][2]}, {rows[1][0]} loss {loss.item() * 0:.4f}")
    seen[rows[1][0]]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write(folder, "train.py", TRAIN)
    rows = ["first,2000,1000", f"{TEXT},{NUMBER}.125,{NUMBER}.5", "last,90000,50000"] * 8
    write(folder, f"data/{PATH}.csv", "\n".join(rows) + "\n")
    ended = watched(folder, "train.py", options=("--html", "page.html", "--json", "verdict.json"))
    assert ended.status == 1, ended.err.decode()
    return folder


def _forms(folder: Path, *options: str) -> dict[str, str]:
    """All forms of the report on the run, by name."""
    store = str(next(runs_folder(folder).glob("*.sqlite")))
    files = {form: folder / f"again.{form}" for form in ("html", "json", "sarif")}
    asked = [part for form, path in files.items() for part in (f"--{form}", str(path))]
    shown = CliRunner().invoke(main, ["report", *options, *asked, store])
    markdown = CliRunner().invoke(main, ["report", *options, "--markdown", store])
    assert shown.exit_code == markdown.exit_code == 0, shown.output
    texts = {form: path.read_text() for form, path in files.items()}
    drawn = read(store)
    live = facts(drawn, diagnose(drawn)).to_json().decode()
    return {**texts, "terminal": shown.output, "markdown": markdown.output, "live page": live}


def test_no_report_holds_data(run: Path) -> None:
    forms = {
        **_forms(run),
        "run --html": (run / "page.html").read_text(),
        "run --json": (run / "verdict.json").read_text(),
    }
    # Something is told of the line, the error and the labels.
    assert "loss 0.0000" in forms["terminal"] and "KeyError" in forms["html"] and "value 1" in forms["html"]
    held = [(name, canary) for name, text in forms.items() for canary in (TEXT, PATH, NUMBER) if canary in text]
    assert not held


def test_the_record_holds_what_was_printed_and_rows_of_tensors_only(run: Path) -> None:
    [store] = runs_folder(run).glob("*.sqlite")
    whole = b"".join(inflated(blob) for _, blob in rows_after(store)).decode("latin-1")
    assert PATH not in whole
    found = recording(run)
    told = [msgspec.to_builtins(record) for kind in found._by_type for record in found.all(kind)]
    holding = {row[0] for row in told if TEXT in repr(row)}
    assert holding == {"Printed", "RunEnded"}


def test_with_the_option_data_are_shown(run: Path) -> None:
    forms = _forms(run, "--include-data")
    for name in ("html", "terminal", "markdown", "json"):
        assert TEXT in forms[name], name
    assert f"{NUMBER}.1" in forms["html"] and "KeyError: &#39;canaria&#39;" in forms["html"]
    assert TEXT not in forms["live page"]


@pytest.mark.parametrize(
    ("label", "shown"),
    [("loss", "loss"), ("train loss", "train loss"), ("jane doe loss", "loss"), ("doe_loss", "loss"), ("", "")],
)
def test_a_label_keeps_the_words_of_logs(label: str, shown: str) -> None:
    given = Number(1, 0, 0.0, 5e-5, f"x {label} 0.0000", label=label, written="0.0000")
    assert quoted(Recording([]), given) == repr(f"{shown} 0.0000".strip())
    assert not label or label_of(Recording([]), label) == shown
