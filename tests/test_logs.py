"""Reading logs: real ones of each package in tests/logs, the rules of the causes, and files that are cut or hostile."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from flatline.causes.base import catalogue
from flatline.cli import main
from flatline.logs.bearing import BEARINGS, BY_EXPERIMENT
from flatline.logs.diagnosis import diagnose_log
from flatline.logs.find import NoLogError, logs_at, read_log
from flatline.logs.formats.tensorboard import masked_crc
from flatline.logs.onset import Onset
from flatline.verdict import Verdict, from_json

LOGS = Path(__file__).parent / "logs"
SCHEMA = json.loads((LOGS.parent.parent / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
REAL = sorted(path for path in LOGS.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
# What each faulty training is made to show; in Keras a single class is clipped to 1.19e-07, and what should be masked is NaN.
SHOWS = {
    "faulty_one_class": {"zero-loss", "constant-loss"},
    "faulty_masked": {"non-finite-loss"},
    "faulty_diverges": {"rising-loss", "non-finite-loss"},
    "faulty_rate_zero": {"constant-loss", "nothing-moves"},
}
CAUSE = {
    "faulty_one_class": "one-class-softmax",
    "faulty_masked": "all-targets-masked",
    "faulty_diverges": "learning-rate-too-high",
    "faulty_rate_zero": "learning-rate-zero",
}


def read(content: bytes | str, name: str = "log.txt") -> Verdict:
    data = content.encode() if isinstance(content, str) else content
    return diagnose_log(read_log(io.BytesIO(data), name))[0]


def hugging_face(entries: list[dict[str, float]]) -> str:
    return json.dumps({"global_step": 1, "log_history": entries})


# real logs -----------------------------------------------------------------------------------------------------


def test_each_format_has_four_faulty_and_four_healthy_logs() -> None:
    counts: dict[str, list[int]] = {}
    for path in REAL:
        counts.setdefault(path.parent.name, [0, 0])[path.name.startswith("healthy")] += 1
    assert set(counts) == {"tensorboard", "wandb", "huggingface", "huggingface_printed", "lightning", "keras",
                           "keras_printed", "printed"}  # fmt: skip
    assert set(map(tuple, counts.values())) == {(4, 4)}


@pytest.mark.parametrize("path", REAL, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_real_log_shows_what_it_should(path: Path) -> None:
    """The fault is seen, its true cause is possible and not ruled out; a healthy log shows none."""
    [log] = logs_at(path)
    verdict, _ = diagnose_log(log)
    jsonschema.validate(json.loads(verdict.to_json()), SCHEMA)
    assert log.notes == []
    if path.stem.startswith("healthy"):
        assert verdict.healthy and not verdict.causes and not verdict.symptoms
        return
    assert not verdict.healthy
    assert verdict.symptoms[0].name in SHOWS[path.stem]
    assert CAUSE[path.stem] in {cause.name for cause in verdict.causes} | _keras_has_no_mask(path)
    assert {cause.level for cause in verdict.causes} == {"possible"}
    assert verdict.log is not None and verdict.log.next.startswith("flatline ")


def _keras_has_no_mask(path: Path) -> set[str]:
    return {"all-targets-masked"} if "keras" in path.parent.name else set()


def test_the_program_is_known_where_the_log_tells_it() -> None:
    verdict, _ = diagnose_log(logs_at(LOGS / "wandb" / "faulty_one_class.wandb")[0])
    assert verdict.log is not None and verdict.log.next == "flatline run tests/logs/make.py wandb faulty_one_class"


def test_secrets_of_the_command_line_are_not_shown() -> None:
    """The record of the environment of a run: arguments in field 5, the program in field 6."""
    parts = [(5, b"--api-key"), (5, b"abc-secret-abc"), (6, b"train.py")]
    inner = b"".join(bytes([number << 3 | 2, len(text)]) + text for number, text in parts)
    record = bytes([26 << 3 & 0x7F | 0x80 | 2, 1, len(inner)]) + inner
    head = len(record).to_bytes(2, "little") + b"\x01"
    log = read_log(
        io.BytesIO(b":W&B\xe1\xbe\x00" + zlib.crc32(b"\x01" + record).to_bytes(4, "little") + head + record), "a.wandb"
    )
    assert log.notes == [] and log.program == ["train.py", "--api-key", "[hidden]"]


# rules ---------------------------------------------------------------------------------------------------------


def test_the_rules_speak_of_causes_and_facts_that_exist() -> None:
    source = Path(Onset.facts.func.__code__.co_filename).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    for bearings in BEARINGS.values():
        names = [bearing.cause for bearing in bearings]
        assert len(names) == len(set(names))
        for bearing in bearings:
            assert bearing.cause in catalogue()
            assert not set(bearing.against) & set(bearing.speaks)
            for key in (*bearing.against, *bearing.speaks, *bearing.needs):
                assert f'"{key}"' in source
    assert set(catalogue()) >= BY_EXPERIMENT


def left(verdict: Verdict) -> set[str]:
    return {cause.name for cause in verdict.causes}


def test_zero_beside_a_gradient_that_is_nan_is_a_hidden_nan() -> None:
    entries = [{"step": i, "epoch": i / 4, "loss": 0.0, "grad_norm": float("nan")} for i in range(1, 9)]
    verdict = read(hugging_face(entries), "trainer_state.json")
    assert verdict.symptoms[0].name == "non-finite-loss"
    assert "NaN or infinity, logged as 0" in verdict.summary
    assert "numeric-overflow" in left(verdict) and "one-class-softmax" not in left(verdict)


def test_zero_beside_a_gradient_is_by_design_or_a_wrong_report() -> None:
    entries = [{"step": i, "epoch": i / 4, "loss": 0.0, "grad_norm": 0.5} for i in range(1, 9)]
    verdict = read(hugging_face(entries), "trainer_state.json")
    assert left(verdict) == {"zero-by-design", "reporting-bug"}
    assert "one-class-softmax" in {item.name for item in verdict.ruled_out}


def test_nan_after_a_rise_is_not_blamed_on_the_data() -> None:
    losses = [1.0, 1.2, 4.0, 60.0, 1e4, 1e12, float("inf"), float("nan")]
    verdict = read("\n".join(f"step {i} loss {loss}" for i, loss in enumerate(losses)))
    assert "learning-rate-too-high" in left(verdict)
    assert "non-finite-data" in {item.name for item in verdict.ruled_out}
    assert verdict.log is not None and verdict.log.next == "flatline prove PROGRAM"


def test_nan_from_the_first_step_on_is_not_blamed_on_the_learning_rate() -> None:
    verdict = read("\n".join(f"step {i} loss nan" for i in range(8)))
    assert "learning-rate-too-high" in {item.name for item in verdict.ruled_out}
    # A mean over an epoch may be NaN for one step of it.
    later = read("\n".join(f"Epoch {i}: loss nan" for i in range(1, 9)))
    assert "learning-rate-too-high" in left(later)


def test_a_nan_that_passes_left_the_weights_alone() -> None:
    losses = ["0.9", "0.8", "nan", "0.7", "0.6", "0.5"]
    verdict = read("\n".join(f"iter {i}: loss {loss}" for i, loss in enumerate(losses)))
    assert "numeric-overflow" in {item.name for item in verdict.ruled_out}
    assert {"all-targets-masked", "non-finite-data"} <= left(verdict)


def test_a_loss_that_comes_down_to_its_rounding_is_near_zero_and_not_zero() -> None:
    losses = ["0.6931", "0.1200", "0.0100", "0.0009", "0.0003", "0.0001", "0.0000", "0.0000", "0.0000"]
    verdict = read("\n".join(f"epoch {i} loss {loss}" for i, loss in enumerate(losses)))
    assert [s.name for s in verdict.symptoms] == ["near-zero-loss"]
    assert verdict.healthy and "honest-fit" in left(verdict)
    at_once = read(
        "\n".join(f"epoch {i} loss {loss}" for i, loss in enumerate([*losses[:2], "0.0000", "0.0000", "0.0000"]))
    )
    assert at_once.symptoms[0].name == "zero-loss" and not at_once.healthy


def test_a_chance_plateau_is_seen_and_an_ordinary_plateau_is_not() -> None:
    made = random.Random(0)
    chance = [0.6931 + made.gauss(0, 0.002) for _ in range(40)]
    assert read("\n".join(f"step {i} loss {v:.4f}" for i, v in enumerate(chance))).symptoms[0].name == "chance-plateau"
    other = [0.62 + made.gauss(0, 0.002) for _ in range(40)]
    assert read("\n".join(f"step {i} loss {v:.4f}" for i, v in enumerate(other))).symptoms == []
    noisy = [2.3 + made.gauss(0, 0.2) for _ in range(40)]
    assert read("\n".join(f"step {i} loss {v:.4f}" for i, v in enumerate(noisy))).symptoms == []


def test_two_digits_that_stay_the_same_are_no_constant_loss() -> None:
    assert read("\n".join("loss 0.55" for _ in range(9))).symptoms == []
    assert read("\n".join("loss 0.5531" for _ in range(9))).symptoms[0].name == "constant-loss"


def test_a_warm_up_from_zero_is_no_learning_rate_of_zero() -> None:
    rates = [0.0, 1e-5, 2e-5, 3e-5]
    rows = "\n".join(f"{i},{0.9 - i / 10},{rate}" for i, rate in enumerate(rates))
    assert read(f"step,loss,lr\n{rows}\n", "a.csv").symptoms == []
    zero = "\n".join(f"{i},{0.9 + i % 2 / 100},0.0" for i in range(4))
    assert left(read(f"step,loss,lr\n{zero}\n", "a.csv")) == {"learning-rate-zero"}


def test_one_term_of_a_loss_that_is_zero_is_no_zero_loss() -> None:
    lines = "\n".join(f"step {i} loss {2 - i / 10:.3f} kl_loss 0.000" for i in range(9))
    assert read(lines).symptoms == []
    assert read(lines.replace(" loss", " time")).symptoms[0].name == "zero-loss"


def test_equal_rewards_leave_no_contrast() -> None:
    entries = [{"step": i, "loss": 0.0, "grad_norm": 0.0, "reward_std": 0.0} for i in range(1, 9)]
    assert "no-contrast" in left(read(hugging_face(entries), "trainer_state.json"))
    differ = [{**entry, "reward_std": 0.4, "grad_norm": 0.1} for entry in entries]
    assert "zero-by-design" in left(read(hugging_face(differ), "trainer_state.json"))


# formats -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("step 250: train loss 1.9641, val loss 2.0", "train loss", 1.9641),
        ("[1,  2000] loss: 2.2", "loss", 2.2),
        ("loss: 2.303  [   64/60000]", "loss", 2.303),
        ("Epoch: [0][  10/5005]\tTime  0.3 ( 0.5)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.00", "Loss", 6.9),
        ("Epoch 3 Loss: tensor(0.25, grad_fn=<NllLossBackward0>)", "Loss", 0.25),
        ("2024-01-01 10:00:00,123 - root - INFO - loss: 0.5", "loss", 0.5),
        ("Loss after epoch 3: 0.5", "Loss", 0.5),
        ("| train | loss 0.5 | ppl 12 |", "loss", 0.5),
        ("Epoch 0: 100%|██████████| 10/10 [00:00<00:00, 9.1it/s, v_num=0, train_loss=0.69]", "train_loss", 0.69),
        ("\x1b[1mloss\x1b[0m: \x1b[31m0.75\x1b[0m", "loss", 0.75),
        ("{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 5e-05, 'epoch': 1.0}", "grad_norm", float("nan")),
    ],
)  # fmt: skip
def test_a_printed_line_is_read(line: str, name: str, value: float) -> None:
    log = read_log(io.BytesIO(line.encode()), "-")
    assert list(log.series[name].values) == pytest.approx([value], nan_ok=True)


@pytest.mark.parametrize(
    "line", ["no loss here", "lossless 3", "val_loss improved from inf to 0.5", "loss_scale: 1024"]
)
def test_what_is_no_loss_is_not_read_as_one(line: str) -> None:
    with pytest.raises(NoLogError):
        read_log(io.BytesIO(line.encode()), "-")


def test_what_powershell_writes_is_read() -> None:
    log = read_log(io.BytesIO("\ufeffstep 1 loss 0.5\r\nstep 2 loss 0.4\r\n".encode("utf-16-le")), "out.txt")
    assert list(log.series["loss"].values) == [0.5, 0.4]


def test_a_bar_that_is_drawn_again_is_one_entry() -> None:
    text = "".join(f"\rEpoch 0: {10 * i}%|███| {i}/10 [00:01<00:01, loss=0.693]" for i in range(11))
    assert len(read_log(io.BytesIO(text.encode()), "-").series["loss"]) == 1


def test_semicolons_and_quotes_are_columns_too() -> None:
    log = read_log(io.BytesIO(b'"epoch";"loss";"val_loss"\n0;0.5;0.6\n1;0.4;\n'), "a.csv")
    assert list(log.series["loss"].values) == [0.5, 0.4] and list(log.series["val_loss"].values) == [0.6]


# folders -------------------------------------------------------------------------------------------------------


def test_a_folder_is_searched_and_runs_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "run" / "train").mkdir(parents=True)
    (tmp_path / "run" / "validation").mkdir()
    events = (LOGS / "tensorboard" / "healthy_classes.tfevents").read_bytes()
    for side in ("train", "validation"):
        (tmp_path / "run" / side / "events.out.tfevents.1").write_bytes(events)
    for number in (2, 4):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        entries = [{"loss": 1 / i, "step": float(i)} for i in range(1, number + 1)]
        (folder / "trainer_state.json").write_text(hugging_face(entries))
    (tmp_path / "notes.txt").write_text("nothing of interest")
    (tmp_path / "loop").symlink_to(tmp_path)
    logs = logs_at(tmp_path)
    assert sorted(log.format for log in logs) == ["Hugging Face Trainer", "TensorBoard"]
    state, board = sorted(logs, key=lambda log: log.format)
    assert len(state.series["loss"]) == 4
    assert {"Loss/train", "val/Loss/train"} <= set(board.series)


# cut and hostile files -----------------------------------------------------------------------------------------

WHOLE = {path.parent.name: path for path in REAL if path.stem == "healthy_warmup"}


@pytest.mark.parametrize("form", sorted(WHOLE))
def test_a_cut_file_is_read_up_to_the_cut(form: str) -> None:
    data = WHOLE[form].read_bytes()
    longest = max(len(s) for s in read_log(io.BytesIO(data), WHOLE[form].name).series.values())
    log = read_log(io.BytesIO(data[: len(data) * 2 // 3 + 1]), WHOLE[form].name)
    found = max(len(s) for s in log.series.values())
    assert longest // 3 <= found < longest
    if "printed" not in form:
        assert log.notes


def survives(data: bytes, name: str) -> None:
    try:
        log = read_log(io.BytesIO(data), name)
    except NoLogError:
        return
    verdict, _ = diagnose_log(log)
    assert from_json(verdict.to_json()).summary == verdict.summary


@pytest.mark.parametrize("form", sorted(WHOLE))
@settings(max_examples=15, deadline=None)
@given(at=st.floats(0, 1), junk=st.binary(max_size=40), keep=st.booleans())
def test_a_damaged_file_is_no_crash(form: str, at: float, junk: bytes, keep: bool) -> None:
    data = WHOLE[form].read_bytes()[:20_000]
    index = int(at * len(data))
    survives(data[:index] + junk + (data[index + len(junk) :] if keep else b""), WHOLE[form].name)


NAMES = ["events.out.tfevents", "a.wandb", "trainer_state.json", "a.csv", "a.txt"]
HEADS = [
    b"",
    b":W&B\xe1\xbe\x00",
    b'{"log_history": [',
    b"epoch,loss\n",
    b"loss 1\n",
    b'{"log_history": [' + b"[" * 100_000,
]


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(NAMES), head=st.sampled_from(HEADS), data=st.binary(max_size=300))
def test_any_bytes_are_no_crash(name: str, head: bytes, data: bytes) -> None:
    survives(head + data, name)


def framed(data: bytes) -> bytes:
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked_crc(size)) + data + struct.pack("<I", masked_crc(data))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_event_records_of_any_content_are_no_crash(records: list[bytes]) -> None:
    survives(b"".join(map(framed, records)), "events.out.tfevents")


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("loss lr=:,'{}|%/\r\n\t[]()0123456789.e+-nanif█━"), max_size=300))
def test_printed_text_of_any_form_is_no_crash(text: str) -> None:
    survives(text.encode(), "a.txt")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats() | st.integers(-(10**30), 10**30) | st.text(max_size=5) | st.none(), max_size=12))
def test_numbers_of_any_size_are_no_crash(values: list[object]) -> None:
    entries = [{"loss": v, "step": v, "epoch": v, "grad_norm": v, "learning_rate": v, "eval_loss": v} for v in values]
    survives(json.dumps({"log_history": entries}).encode(), "trainer_state.json")


def test_a_record_that_says_it_is_huge_takes_no_memory() -> None:
    size = struct.pack("<Q", 1 << 60)
    head = size + struct.pack("<I", masked_crc(size))
    log = read_log(io.BytesIO(head + b"0" * 100), "events.out.tfevents")
    assert log.notes == ["the file is cut or damaged after record 0; it is read up to there"]


# the command ---------------------------------------------------------------------------------------------------


def run(*arguments: str, given: bytes = b"") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["read", *arguments], input=given)
    return result.exit_code, result.output


def test_the_command_shows_the_cause_and_what_to_do_next(tmp_path: Path) -> None:
    file, page = tmp_path / "v.json", tmp_path / "v.html"
    log = LOGS / "huggingface" / "faulty_one_class.json"
    status, output = run("--strict", "--json", str(file), "--html", str(page), str(log))
    assert status == 10
    assert "one-class-softmax" in output and "flatline run PROGRAM" in output
    assert not from_json(file.read_bytes()).healthy
    shown = page.read_text(encoding="utf-8")
    assert "one-class-softmax" in shown and "% of the reports" in shown and "The loss as it was logged" in shown
    # What is said of a run that was watched is not said of a log.
    for untrue in ("% sure", "<code>backward</code>", "watching added", "How to reproduce"):
        assert untrue not in shown
    assert run("--strict", str(LOGS / "keras" / "healthy_classes.csv"))[0] == 0


def test_standard_input_is_read() -> None:
    status, output = run("-", given=b"step 0: loss 0.9\nstep 1: loss 0.8\n")
    assert status == 0 and "loss went from 0.9 to 0.8 in 2 entries" in " ".join(output.split())


def test_wrong_use_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.log").write_text("hello")
    for path, says in (
        (tmp_path / "gone", "there is no log at"),
        (tmp_path / "empty", "no log with a loss in"),
        (tmp_path / "a.log", "has no loss in it"),
    ):
        status, output = run(str(path))
        assert status == 2 and says in " ".join(output.split())
    status, output = run("--json", str(tmp_path / "v.json"), str(LOGS / "keras"))
    assert status == 2 and "name one" in output


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("step,[red]\x1b]0;x\x07loss <script>\n" + "\n".join(f"{i},0" for i in range(5)) + "\n")
    status, output = run(str(file))
    assert status == 0 and "\x1b]0" not in output and "[red]" in output
