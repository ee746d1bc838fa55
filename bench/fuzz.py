"""Feeds damaged and invented input to everything that reads what flatline did not write itself, or may find damaged.

    python bench/fuzz.py --inputs 1000000

Each target has seeds, which are mutated: bytes changed, cut, doubled, exchanged between seeds. A reader may refuse an
input with the error that it documents; anything else is a crash. With --guided, atheris (libFuzzer) steers the mutation
by the lines that are reached, where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

SECONDS = 2.0


@dataclass
class Target:
    """A reader, the errors that it may refuse an input with, and valid inputs. ``share`` of all inputs go to it."""

    name: str
    read: Callable[[bytes], object]
    refuses: tuple[type[BaseException], ...]
    seeds: list[bytes]
    share: float


@dataclass
class Crash:
    target: str
    input: bytes
    error: str


def targets() -> list[Target]:
    """Everything that is fuzzed."""
    import fuzz_logs
    from flatline import changes, verdict
    from flatline.experiments.proof import Proof
    from flatline.record import secrets
    from flatline.report.visible import visible

    hide = secrets.Secrets({"A_TOKEN": "abcdefgh12345678"})
    found = [
        Target("rows of a store", _rows, (), _row_seeds(), 0.175),
        Target("verdict file", verdict.from_json, (msgspec.MsgspecError,), [_verdict_seed()], 0.1),
        Target("proof in a store", msgspec.msgpack.Decoder(Proof).decode, (msgspec.MsgspecError, UnicodeError), [_proof_seed()], 0.05),
        Target("changes of a trial", lambda data: changes.decode(_text(data)), (msgspec.MsgspecError,), [b'[{"name":"seed","arguments":{"seed":1}}]'], 0.05),
        Target("numbers printed by a program", _printed, (), [b"epoch 3/10 | loss: 0.123e-4, val_loss=nan [00:12<00:34, 1.2it/s]"], 0.1),
        Target("secrets in text", lambda data: hide.text(_text(data)), (), [b"--token=abc https://u:p@h/?key=1 hf_AbcAbcAbcAbcAbcAbcAbcAbc 'password': 'abcdefg'"], 0.1),
        Target("secrets in arguments", lambda data: hide.arguments(_text(data).split("\0")), (), [b"train.py\0--api-key\0X\0--lr=1"], 0.05),
        Target("text shown to a person", lambda data: visible(_text(data)), (), ["\x1b[31mred\u202e".encode()], 0.05),
    ]  # fmt: skip
    logs = [Target(one.name, one.read, fuzz_logs.REFUSES, one.seeds, one.share) for one in fuzz_logs.targets()]
    return [*found, *logs]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _rows(data: bytes) -> None:
    """A row as `flatline report` reads it, and the curves made of it."""
    from flatline.record.recording import Recording
    from flatline.record.rows import readable
    from flatline.record.sound import known_series, sound

    records, _ = readable(data)
    recording = Recording(known_series([record for record in records if sound(record)]))
    len(recording.rows)
    recording.steps  # noqa: B018 - is computed


def _printed(data: bytes) -> None:
    """A line that the program printed, as symptoms and the verdict read it."""
    from flatline.observe.events import Printed
    from flatline.record.printed import printed_losses
    from flatline.record.recording import Recording
    from flatline.verdict import count_epochs

    recording = Recording([Printed(1, 0, None, "stdout", _text(data)[:400])])
    printed_losses(recording)
    count_epochs(recording)


def _row_seeds() -> list[bytes]:
    """Rows of a real run, which hold most kinds of records."""
    import sqlite3

    import torch

    from flatline.record.rows import inflated
    from flatline.watching import watch

    with tempfile.TemporaryDirectory() as folder:
        model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
        data = torch.utils.data.TensorDataset(torch.randn(8, 4), torch.tensor([0, 1] * 4))
        store = Path(folder) / "run.sqlite"
        with watch(store=store, show=False):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for x, y in torch.utils.data.DataLoader(data, 4):
                loss = torch.nn.functional.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                print(f"loss {loss.item():.4f}", file=sys.stderr)
        with sqlite3.connect(store) as connection:
            rows = [inflated(bytes(row[0])) for row in connection.execute("SELECT records FROM flush")]
    # Single records, too: a mutation of a short input reaches further.
    parts = [
        msgspec.msgpack.encode([part]) for row in rows for part in msgspec.msgpack.decode(row, type=list[msgspec.Raw])
    ]
    return [seed for seed in [*rows, *parts] if len(seed) < 4_000]


def _verdict_seed() -> bytes:
    from flatline.record.recording import Recording
    from flatline.verdict import diagnose

    return diagnose(Recording([])).to_json()


def _proof_seed() -> bytes:
    from flatline.experiments.proof import CurveItem, ExperimentItem, Proof, ProofItem, TrialItem

    curve = CurveItem([0, 1], [0.5, "nan"])
    item = ExperimentItem("?", [{"name": "seed"}], "confirmed", "t", "1", "2", curve, curve, ["zero-loss"], [], 10)
    whole = ProofItem(True, "text", 1, 1, 2.0, "", [TrialItem("?", [], None, "ended", "", 1.0, "overlay")])
    return msgspec.msgpack.encode(Proof(whole, {"dead-relu": item}))


def mutated(seeds: list[bytes], chance: random.Random) -> bytes:
    """One of the seeds, changed in one to eight places."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and data:
            data[at % len(data)] = chance.randrange(256)
        elif kind == 1:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
        elif kind == 2:
            del data[at : at + chance.randint(1, 16)]
        elif kind == 3:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            data[at : at + chance.randint(0, 16)] = other[start : start + chance.randint(1, 64)]
        elif kind == 4 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        else:
            data[at:at] = data[at : at + chance.randint(1, 32)] * chance.randint(1, 4)
    return bytes(data)


def fuzz(target: Target, inputs: int, seed: int = 0) -> list[Crash]:
    """Gives so many inputs to one reader; the crashes, of each kind of error the first."""
    chance = random.Random(seed)
    crashes: dict[str, Crash] = {}
    for _ in range(inputs):
        data = mutated(target.seeds, chance)
        began = time.perf_counter()
        try:
            target.read(data)
        except target.refuses:
            pass
        except Exception as error:
            crashes.setdefault(type(error).__name__, Crash(target.name, data, f"{type(error).__name__}: {error}"))
        if time.perf_counter() - began > SECONDS:
            crashes.setdefault("slow", Crash(target.name, data, f"took {time.perf_counter() - began:.1f} s"))
    return list(crashes.values())


def stores(inputs: int, seed: int = 0) -> list[Crash]:
    """Whole store files with damaged bytes, as `flatline report` opens them."""
    from flatline.record.reader import read
    from flatline.record.rows import ends
    from flatline.record.store import StoreError, Writer

    chance = random.Random(seed)
    crashes: dict[str, Crash] = {}
    rows = _row_seeds()
    with tempfile.TemporaryDirectory() as folder:
        whole, path = Path(folder) / "whole.sqlite", Path(folder) / "run.sqlite"
        writer = Writer(str(whole))
        for row in rows:
            writer._open().execute("INSERT INTO flush (records) VALUES (?)", (row,))
        writer.close()
        data = whole.read_bytes()
        for _ in range(inputs):
            damaged = mutated([data], chance)
            path.write_bytes(damaged)
            for open_it in (read, ends):
                try:
                    open_it(path)
                except StoreError:
                    pass
                except Exception as error:
                    crashes.setdefault(
                        type(error).__name__, Crash("store files", damaged, f"{type(error).__name__}: {error}")
                    )
    return list(crashes.values())


_GUIDED = """
import sys, atheris
sys.path.insert(0, {bench!r})
with atheris.instrument_imports(include=["flatline.record", "flatline.logs", "flatline.verdict", "flatline.experiments.proof"]):
    import fuzz
    target = next(t for t in fuzz.targets() if t.name == {name!r})
def one(data):
    try:
        target.read(data)
    except target.refuses:
        pass
atheris.Setup([sys.argv[0], "-runs={inputs}", "-max_len=4000", "-timeout=10", "-print_final_stats=1"] + sys.argv[1:], one)
atheris.Fuzz()
"""


def guided(target: Target, inputs: int) -> list[Crash]:
    """The same, steered by what is reached; in a process of its own, since libFuzzer ends the process it is in."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds):
            (Path(folder) / str(number)).write_bytes(seed)
        code = _GUIDED.format(bench=str(Path(__file__).parent), name=target.name, inputs=inputs)
        command = [sys.executable, "-c", code, folder]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error" in line or "Exception" in line]
        return [Crash(target.name, b"", "; ".join(lines[:3]) or done.stderr[-300:])]
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--guided", type=int, default=0, metavar="N", help="of these, for each target by atheris")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    given, crashes = run(arguments.inputs, arguments.guided, arguments.seed)
    print(f"{given:,} inputs, {len(crashes)} crashes")
    for crash in crashes:
        print(f"{crash.target}: {crash.error}\n  {crash.input[:200]!r}")
    return int(bool(crashes))


def run(inputs: int, by_atheris: int = 0, seed: int = 0) -> tuple[int, list[Crash]]:
    """How many inputs were given to the readers, and the crashes."""
    crashes: list[Crash] = []
    given = 0
    if by_atheris and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: pip install -e '.[fuzz]'")
        by_atheris = 0
    for target in targets():
        count = int(inputs * target.share)
        began = time.monotonic()
        crashes += fuzz(target, count, seed)
        if by_atheris:
            crashes += guided(target, by_atheris)
        given += count + by_atheris
        print(f"{target.name}: {count + by_atheris:,} inputs, {time.monotonic() - began:.0f} s", flush=True)
    files = inputs // 1000
    crashes += stores(files, seed)
    print(f"store files: {files:,} inputs", flush=True)
    return given + files, crashes


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
