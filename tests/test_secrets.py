"""Secrets of the program's are in no record and in no report; the program itself gets them as ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flatline.observe import events as e
from flatline.proving import CannotProve, program_of
from flatline.record.reader import read
from flatline.record.secrets import HIDDEN, Secrets, is_secret
from flatline.record.store import Writer
from runs import plain, runs_folder, watched, write

KEY, TOKEN, PASSWORD, OWN = "k3yk3yk3y-zz", "hf_" + "Ab0" * 12, "pa55-w0rd", "gh" + "p_" + "q1W2" * 9
PROGRAM = """
    import os, sys, torch
    own = "{own}"
    print(sys.argv[1:], os.environ["TRACKER_API_KEY"], "step 0 loss 1.5")
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for step in range(5):
        loss = torch.nn.functional.mse_loss(weight, torch.zeros(3))
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    raise SystemExit("cannot log in at https://me:{password}@host/?x=1 with " + sys.argv[2] + " 1")
"""
ARGUMENTS = (
    "--api-key",
    KEY,
    f"--hf.token={TOKEN}",
    f"db=postgres://u:{PASSWORD}@db/x",
    "--max-token",
    "64",
    "--lr=0.1",
)


def test_nothing_of_a_run_holds_them(folder: Path) -> None:
    write(folder, "program.py", PROGRAM.format(own=OWN, password=PASSWORD))
    environment = {"TRACKER_API_KEY": "0123abcd4567efab"}
    expected = plain(folder, "program.py", *ARGUMENTS, **environment)
    assert KEY.encode() in expected.out and TOKEN.encode() in expected.out
    options = ("--json", "verdict.json", "--html", "report.html")
    actual = watched(folder, "program.py", *ARGUMENTS, options=options, **environment)
    assert (actual.out, actual.status) == (expected.out, expected.status)
    (store,) = runs_folder(folder).glob("*.sqlite")
    for file in (store, folder / "verdict.json", folder / "report.html"):
        for secret in (KEY, TOKEN, PASSWORD, OWN, environment["TRACKER_API_KEY"]):
            assert secret.encode() not in file.read_bytes(), f"{secret} is in {file.name}"
    assert read(store).run.argv == ["program.py", "--api-key", HIDDEN, f"--hf.token={HIDDEN}",
                                    f"db=postgres://u:{HIDDEN}@db/x", "--max-token", "64", "--lr=0.1"]  # fmt: skip
    assert any("loss 1.5" in line.text for line in read(store).all(e.Printed))


def test_a_run_is_started_again_only_with_the_true_arguments(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f'key = "{OWN}"\n')
    store = tmp_path / "run.sqlite"
    writer = Writer(str(store))
    started = e.RunStarted(["train.py", "--token", TOKEN], str(tmp_path), {}, time.time(), python=["python3"])
    writer.write([started, e.Source("train.py", f'key = "{OWN}"\n')])
    writer.close()
    assert started.argv[2] == TOKEN, "the program's own record was changed"
    with pytest.raises(CannotProve, match="held a secret"):
        program_of(read(store))
    assert program_of(read(store), ["train.py", "--token", TOKEN]).argv[2] == TOKEN
    (tmp_path / "train.py").write_text(f'key = "{OWN}"  # changed\n')
    with pytest.raises(CannotProve, match="has changed"):
        program_of(read(store), ["train.py"])


@pytest.mark.parametrize(
    "name", ["--num-tokens", "--tokenizer", "--pad-token", "--key-dim", "MONKEY", "--passes", "-k"]
)
def test_names_that_are_no_secrets(name: str) -> None:
    assert not is_secret(name)
    assert Secrets().arguments([name, "value"]) == [name, "value"]


@pytest.mark.parametrize(
    "text",
    ["loss 0.5 of task-level-sk-learn", "https://host:8080/a@b", "key: 5, tokens 3", "token = tokenizer.encode(text)",
     "secret = os.environ['SECRET']", "def password(self): pass", "a" * 400 + "://" + ":" * 300],
)  # fmt: skip
def test_text_that_holds_none_stays(text: str) -> None:
    assert Secrets({"A_KEY": "short", "B_TOKEN": "12345678901", "C_CREDENTIALS": "/etc/file.json"}).text(text) == text


def test_a_private_key_goes_and_its_lines_stay() -> None:
    begin, end = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"
    text = f"a\n{begin}\nMIIE\nabcd\n{end}\nb\n"
    hidden = Secrets().text(text)
    assert "MIIE" not in hidden and hidden.count("\n") == text.count("\n")
    assert hidden.splitlines()[-1] == "b"
