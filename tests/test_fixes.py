"""The transformations of source, on the formatting that people write: nothing outside the change may move by a byte."""

from __future__ import annotations

import difflib

import pytest

from flatline.fixes.append_call import append_to_argument, append_to_operand
from flatline.fixes.change_operator import in_place, true_division, with_dividend, without_divisor
from flatline.fixes.diff import unified
from flatline.fixes.drop_attribute import drop_attribute
from flatline.fixes.drop_call import drop_call, drop_calls
from flatline.fixes.insert_statement import insert_after, insert_before, insert_before_with
from flatline.fixes.more_digits import more_digits
from flatline.fixes.move_statement import after_loop, before_loop, behind, into_loop
from flatline.fixes.patch import Patch
from flatline.fixes.rename_call import rename_call
from flatline.fixes.replace_expression import replace_expression, stacked, wrap_assigned
from flatline.fixes.replace_number import replace_number
from flatline.fixes.set_argument import set_argument, set_argument_throughout
from flatline.fixes.source import Edit, Source, together


def changed(edit: Edit, text: str, line: int) -> tuple[list[str], list[str]]:
    """The lines that an edit takes away and those that it puts there; all others must be the same bytes."""
    new = Patch("", "train.py", line, edit).applied(text)
    assert new is not None and new != text
    old_rows, new_rows = text.split("\n"), new.split("\n")
    gone, come = [], []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old_rows, new_rows, autojunk=False).get_opcodes():
        if tag != "equal":
            gone += old_rows[a:b]
            come += new_rows[c:d]
    return gone, come


NETWORK = '''\
# -*- coding: utf-8 -*-
"""Größe."""
model = nn.Sequential(
    nn.Linear(4, 8),   # first
    nn.Linear(8, 2),\t# last, with a tab
    nn.Softmax(dim=1),  # probabilities
)


@torch.no_grad()
def predict(
    x,  # a batch
):
    """Says "softmax"."""
    return F.softmax(
        model(x)  # logits
        / 2.0,
        dim=1,
    )
'''


def test_a_layer_goes_with_its_own_line_and_comment() -> None:
    gone, come = changed(drop_call("softmax", "Softmax"), NETWORK, 6)
    assert gone == ["    nn.Softmax(dim=1),  # probabilities"] and not come


def test_a_call_over_several_lines_below_a_decorator() -> None:
    gone, come = changed(drop_call("softmax"), NETWORK, 15)
    assert gone == ["    return F.softmax(", "        model(x)  # logits", "        / 2.0,", "        dim=1,", "    )"]
    assert come == ["    return (model(x)  # logits", "        / 2.0)"]


def test_windows_lines_tabs_and_a_byte_order_mark_stay() -> None:
    text = "\ufefffor x in y:\r\n\tloss = f(x)\r\n\tloss.backward()\r\n"
    new = Patch("", "t.py", 3, insert_before("opt.zero_grad()")).applied(text)
    assert new == "\ufefffor x in y:\r\n\tloss = f(x)\r\n\topt.zero_grad()\r\n\tloss.backward()\r\n"
    gone, come = changed(drop_call("softmax"), "p = F.softmax(x, 1)\r\nq = 1\r\n", 1)
    assert (gone, come) == (["p = F.softmax(x, 1)\r"], ["p = x\r"])


def test_a_file_without_a_last_newline_stays_without_one() -> None:
    assert Patch("", "t.py", 2, insert_after("opt.step()")).applied("a = 1\nloss.backward()") == (
        "a = 1\nloss.backward()\nopt.step()"
    )


SEVERAL = "opt.zero_grad(); l = crit(m(xb), yb)  ; l.backward(); o.step()  # all\n"


@pytest.mark.parametrize(
    ("edit", "text", "line", "come"),
    [
        (drop_call("Softmax"), "m = nn.Sequential(*layers, nn.Softmax(-1), nn.Flatten())\n", 1, "m = nn.Sequential(*layers, nn.Flatten())"),
        (drop_call("Softmax"), "layers = [nn.Linear(2, 2), nn.Softmax(1)]\n", 1, "layers = [nn.Linear(2, 2)]"),
        (drop_call("sigmoid"), "p = -(torch.sigmoid(a + b)) * 2\n", 1, "p = -(a + b) * 2"),
        (drop_call("sigmoid"), "y = self.sigmoid(h) if train else h\n", 1, "y = h if train else h"),
        (drop_call("softmax"), "y = self.logits(x).softmax(dim=-1).log()\n", 1, "y = self.logits(x).log()"),
        (drop_call("softmax"), "y = 2 * F.softmax(a + b, 1)\n", 1, "y = 2 * (a + b)"),
        (drop_calls("detach", "cpu"), "z = f(h.detach().cpu(), g.detach())\n", 1, "z = f(h, g)"),
        (drop_attribute("data"), "z = (x @ self.w.data)  # w\n", 1, "z = (x @ self.w)  # w"),
        (insert_before("l.x()"), "if a:\n    " + SEVERAL, 2, "    l.x()"),
        (insert_before("m.train()", loop=True), "for e in r:\n  for x in y:\n    l.backward()\n", 3, "  m.train()"),
        (insert_before_with("m.eval()"), "def f(m):\n  with a, b:\n    for x in y:\n      m(x)\n", 4, "  m.eval()"),
        (insert_after("o.step()"), "while True:\n  loss.backward(\n  )  # grad\n  n += 1\n", 2, "  o.step()"),
        (set_argument({"f"}, "dim", "-1", 1), "f(x,\n  # over\n  0)\n", 1, "  -1)"),
        (set_argument({"D"}, "drop_last", "False", add=False), "d = D(s, 4, drop_last = True)\n", 1, "d = D(s, 4, drop_last = False)"),
        (rename_call({"NLLLoss": "CrossEntropyLoss"}), "c = torch.nn.NLLLoss (weight=w)\n", 1, "c = torch.nn.CrossEntropyLoss (weight=w)"),
        (append_to_argument(1, ".squeeze(1)"), "l = crit(m(x), a + b)\n", 1, "l = crit(m(x), (a + b).squeeze(1))"),
        (append_to_operand(False, ".squeeze(1)"), "e = (m(x) - y[i]).pow(2)\n", 1, "e = (m(x) - y[i].squeeze(1)).pow(2)"),
        (true_division, "m = s//n\n", 1, "m = s/n"),
        (in_place, "p = p - (a - b)\n", 1, "p -= a - b"),
        (without_divisor, "log({'loss': total / len(x)})\n", 1, "log({'loss': total})"),
        (with_dividend("total"), "a = loss.item() / n\n", 1, "a = total / n"),
        (replace_expression("d.parameters()", "m.parameters()"), "o = SGD(d.parameters(), lr=1)\n", 1, "o = SGD(m.parameters(), lr=1)"),
        (wrap_assigned("list("), "b = zip(\n  x, y)\n", 1, "b = list(zip("),
        (stacked, "l = torch.tensor([a.item(), b.item()], requires_grad=True).sum()\n", 1, "l = torch.stack([a, b]).sum()"),
        (more_digits, "print('%2d  Loss %8.2f acc %.2f' % (e, l, a))\n", 1, "print('%2d  Loss %8.3g acc %.2f' % (e, l, a))"),
        (replace_number(0.1, 0.01, "lr", 1), "def f(m, lr=1e-1):\n  o = SGD(m.parameters(), lr=lr)\n", 2, "def f(m, lr=0.01):"),
    ],
)  # fmt: skip
def test_one_line_changes_and_no_other(edit: Edit, text: str, line: int, come: str) -> None:
    assert come in changed(edit, text, line)[1]
    gone, new = changed(edit, text, line)
    assert len(gone) <= 2 and len(new) <= 2


@pytest.mark.parametrize(
    ("edit", "text", "line"),
    [
        (drop_call("softmax"), "p = softmax(a) + softmax(b)\n", 1),
        (drop_call("softmax"), "p = a\n", 1),
        (drop_call("softmax"), "p = softmax(*parts)\n", 1),
        (drop_call("softmax"), "def f(:\n", 1),
        (replace_number(0.1, 0.01, "lr"), "a = 0.1\nb = 0.1\nopt = SGD(p)\n", 3),
        (rename_call({"BCEWithLogitsLoss": "BCELoss"}, {"pos_weight"}), "c = nn.BCEWithLogitsLoss(pos_weight=w)\n", 1),
        (after_loop, "for x in y:\n    if z:\n        s.step()\n    a()\n", 3),
        (before_loop, "for x in y:\n    t = 0\n", 2),
        (into_loop(1), "b = zip(x)\nf(b)\n", 2),
        (behind(3), "o = SGD()\nif a:\n    m = 1\n", 1),
        (set_argument({"f"}, "k", "1", add=False), "f(x)\n", 1),
        (append_to_argument(0, ".squeeze(1)"), "l = c(m(x).squeeze(1), y)\n", 1),
        (stacked, "l = loss\n", 1),
        (more_digits, "print('loss', l)\n", 1),
        (set_argument_throughout({"dropout"}, "training", "self.training"), "F.dropout(x)\n", 1),
        (true_division, "a = b // c // d\n", 1),
    ],
)
def test_where_there_is_no_place_or_a_choice_nothing_is_changed(edit: Edit, text: str, line: int) -> None:
    assert Patch("", "train.py", line, edit).applied(text) is None


def test_a_statement_over_several_lines_moves_as_a_whole() -> None:
    text = "b = zip(x,\n        y)  # pairs\nfor e in r:\n\tfor p in b:\n\t\tf(p)\n"
    assert Patch("", "t.py", 5, into_loop(1)).applied(text) == (
        "for e in r:\n\tb = zip(x,\n\t        y)  # pairs\n\tfor p in b:\n\t\tf(p)\n"
    )
    text = "for x in y:\n    o.step()\n    s.step()  # rate\n\n# the end\n"
    assert (
        Patch("", "t.py", 3, after_loop).applied(text) == "for x in y:\n    o.step()\ns.step()  # rate\n\n# the end\n"
    )


def test_an_import_by_name_is_changed_with_the_call() -> None:
    text = "from torch.nn import Linear, NLLLoss\nc = NLLLoss()\n"
    new = Patch("", "t.py", 2, rename_call({"NLLLoss": "CrossEntropyLoss"})).applied(text)
    assert new == "from torch.nn import Linear, CrossEntropyLoss\nc = CrossEntropyLoss()\n"


def test_several_edits_do_not_move_each_others_lines() -> None:
    edit = together((1, insert_before("a()")), (2, insert_before("b()")))
    assert edit(Source("x = 1\ny = 2\n"), 1) == "a()\nx = 1\nb()\ny = 2\n"


def test_the_diff_is_one_that_git_takes(tmp_path: pytest.TempPathFactory) -> None:
    import subprocess
    from pathlib import Path

    old, new = "a\r\nb\x0cc\nlast", "a\r\nB\x0cc\nlast"
    folder = Path(str(tmp_path))
    (folder / "t.py").write_bytes(old.encode())
    done = subprocess.run(["git", "apply", "-"], input=unified(old, new, "t.py").encode(), cwd=folder, check=False)
    assert done.returncode == 0 and (folder / "t.py").read_bytes() == new.encode()
