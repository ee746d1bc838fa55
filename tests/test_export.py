"""Exporting a run: read back with the packages themselves; and nothing of them is imported before."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flatline.cli import main
from flatline.export import mlflow as to_mlflow
from flatline.export import tensorboard as to_tensorboard
from flatline.export import wandb as to_wandb
from flatline.export.content import Content, content
from flatline.logs.find import logs_at
from flatline.verdict import diagnose, from_json
from recordings import Tape

LOSS = "flatline/optimised/loss train.py_1"
VALUES = [0.9, 0.5, math.nan, 0.25]


@pytest.fixture
def made(tmp_path: Path) -> Content:
    tape = Tape("loss.backward()")
    tape.train(VALUES)
    recording = tape.recording()
    return content(recording, diagnose(recording), tmp_path / "run.sqlite")


def same(found: list[float]) -> bool:
    return found == pytest.approx(VALUES, nan_ok=True)


def test_what_is_exported(made: Content) -> None:
    assert [curve.name for curve in made.curves] == [LOSS]
    assert same(made.curves[0].values)
    assert "non-finite-loss" in made.markdown
    assert any(event.step == 2 and event.text.startswith("non-finite-loss") for event in made.events)
    assert list(made.by_step()) == [0, 1, 2, 3]


def test_tensorboard_reads_it(made: Content, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = to_tensorboard.export(made, tmp_path / "board")
    assert "tensorboard --logdir" in told
    read = EventAccumulator(str(tmp_path / "board" / "flatline-run"))
    read.Reload()
    assert same([scalar.value for scalar in read.Scalars(LOSS)])
    [verdict] = read.Tensors("flatline/verdict/text_summary")
    assert "non-finite-loss" in verdict.tensor_proto.string_val[0].decode()
    # And our own reader reads what the package wrote.
    [log] = logs_at(tmp_path / "board")
    assert same(list(log.series[LOSS].values))


def test_wandb_holds_it(made: Content, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    told = to_wandb.export(made, tmp_path)
    assert "wandb sync" in told
    [folder] = (tmp_path / "wandb").glob("offline-run-*")
    [log] = logs_at(folder)
    assert same(list(log.series[LOSS].values))
    assert from_json((folder / "files" / "verdict.json").read_bytes()).symptoms[0].name == "non-finite-loss"
    assert next((folder / "files").rglob("*.table.json")).read_text().count("non-finite-loss") == 1


@pytest.mark.parametrize("form", ["folder", "database"])
def test_mlflow_holds_it(made: Content, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    if form == "database":
        pytest.importorskip("sqlalchemy")
        pytest.importorskip("alembic")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    into = tmp_path / ("mlruns" if form == "folder" else "mlflow.db")
    told = to_mlflow.export(made, into)
    assert "mlflow ui" in told
    uri = into.as_uri() if form == "folder" else f"sqlite:///{into}"
    client = MlflowClient(uri, registry_uri=uri)
    experiment = client.get_experiment_by_name("flatline")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert same(
        [metric.value for metric in sorted(client.get_metric_history(run.info.run_id, LOSS), key=lambda m: m.step)]
    )
    assert run.data.tags["flatline.healthy"] == "False"
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    assert from_json((folder / "flatline" / "verdict.json").read_bytes()).symptoms[0].name == "non-finite-loss"
    if form == "folder":
        # A second run goes beside the first.
        to_mlflow.export(made, into)
        assert len(client.search_runs([experiment.experiment_id])) == 2


def test_the_command_exports_a_store(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    tape = Tape("loss.backward()")
    tape.train(VALUES)
    store = tmp_path / "run.sqlite"
    store.write_bytes(tape.store())
    result = CliRunner().invoke(main, ["export", "--to", "tensorboard", "--into", str(tmp_path / "board"), str(store)])
    assert result.exit_code == 0, result.output
    assert "exported run.sqlite to" in result.output
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["export", "--to", "tensorboard", "--into", str(tmp_path / "file"), str(store)])
    assert result.exit_code == 1 and "cannot write" in result.output
    assert CliRunner().invoke(main, ["export", "--to", "paper", str(store)]).exit_code == 2


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = Tape("loss.backward()")
    tape.train(VALUES)
    store = tmp_path / "run.sqlite"
    store.write_bytes(tape.store())
    for target in ("wandb", "mlflow"):
        for name in [target, *(name for name in sys.modules if name.startswith(f"{target}."))]:
            monkeypatch.setitem(sys.modules, name, None)
        into = str(tmp_path / "into")
        result = CliRunner().invoke(main, ["export", "--to", target, "--into", into, str(store)])
        assert result.exit_code == 2
        assert f"pip install 'flatline[{target}]'" in " ".join(result.output.split())


def test_nothing_of_the_packages_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, flatline, flatline.cli, flatline.commands.export, flatline.commands.read, flatline.logs.find as f; f.formats();"
        "from flatline.export import content, tensorboard, wandb, mlflow;"
        "print(sorted({'tensorboard', 'wandb', 'mlflow', 'google'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
