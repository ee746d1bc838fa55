"""More bad surroundings: a folder that is read-only, thousands of models, a record that nothing was written to."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flatline.cli import main
from flatline.live.glance import explain
from flatline.live.stores import Stores
from flatline.observe.events import ProbeFailed
from flatline.record.reader import read
from flatline.record.store import NotBegunError, StoreError, Writer
from runs import execute, needs_posix, recording, watched, write


def _read_only(folder: Path) -> list[str]:
    """What to put before a command for which the folder is read-only; for root, to whom modes mean nothing, a mount."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        return []
    before = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"',
    ]
    if shutil.which("unshare") is None or subprocess.run([*before, folder, "true"], capture_output=True).returncode:
        pytest.skip("root may write everywhere here, and nothing can be mounted")
    return [*before, str(folder)]


@needs_posix
def test_a_read_only_folder(folder: Path) -> None:
    """The program runs there as alone; the record goes to the temporary folder, and a message says so."""
    write(folder, "train.py", "print('ran')\n")
    temporary = folder.with_name("temporary")
    temporary.mkdir()
    verdict = temporary / "verdict.json"
    command = [*_read_only(folder), sys.executable, "-m", "flatline", "run", "--json", str(verdict), "train.py"]
    try:
        done = execute(command, folder, TMPDIR=str(temporary))
    finally:
        folder.chmod(0o755)
    said = done.err.decode()
    assert (done.status, done.out) == (0, b"ran\n"), said
    assert re.search(r"cannot write to \.flatline \([^)]+\); using the temporary folder", said)
    assert verdict.exists() and list((temporary / "flatline").glob("*.sqlite"))
    assert [path.name for path in folder.iterdir()] == ["train.py"]


MODELS = """
    import sys, time, torch
    torch.manual_seed(0)
    x, y = torch.randn(4, 2), torch.randn(4, 1)
    def train(models):
        for _ in range(models):
            model = torch.nn.Linear(2, 1)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
    # The first thousand pays for what every run keeps: places, the first samples.
    for models in (1000, 3000, 3000, 3000):
        began = time.process_time()
        train(models)
        pages = int(open("/proc/self/statm").read().split()[1])
        print(pages * 4096 / 1e6, time.process_time() - began, file=sys.stderr)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_ten_thousand_small_models(folder: Path) -> None:
    """Each is seen, none is kept: memory stays flat, and a model costs no more because there were others before it."""
    write(folder, "train.py", MODELS)
    ended = watched(folder, "train.py")
    assert ended.status == 0, ended.err.decode()
    told = [tuple(map(float, line.split())) for line in ended.err.decode().splitlines()]
    (memory, _), (_, first), _, (grown, last) = told
    # Of a model two numbers are remembered, for half a kilobyte; kept with its optimizer it would be five and more.
    assert grown - memory < 9_000 * 0.002, told
    # A count over all models before at each step would make the last third five times as dear as the first.
    assert last < 3 * first, told
    found = recording(folder)
    assert found.backwards == found.steps == 10_000
    assert not found.all(ProbeFailed)


def _unwritten(folder: Path, kind: str) -> Path:
    path = folder / "run.sqlite"
    if kind == "reserved":
        path.touch()
    else:
        writer = Writer(str(path))
        writer._open().execute("DROP TABLE flush")
        writer.close()
    return path


@pytest.mark.parametrize("kind", ["reserved", "no table yet"])
def test_a_record_that_nothing_was_written_to_is_no_damaged_one(kind: str, tmp_path: Path) -> None:
    path = _unwritten(tmp_path, kind)
    with pytest.raises(NotBegunError, match="holds nothing yet"):
        read(path)
    shown = CliRunner().invoke(main, ["report", str(path)])
    assert shown.exit_code == 1 and "holds nothing yet" in shown.output and "damaged" not in shown.output
    [store] = Stores(tmp_path).all()
    with pytest.raises(StoreError) as raised:
        read(path)
    assert "holds nothing yet" in explain(store, raised.value)


def test_another_database_is_told_apart(tmp_path: Path) -> None:
    path = _unwritten(tmp_path, "no table yet")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
    with pytest.raises(StoreError, match="cannot be read as the record of a run"):
        read(path)
