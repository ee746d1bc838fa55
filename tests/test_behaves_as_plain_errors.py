"""Errors are shown as without flatline: none of its wrappers is in a traceback, however the program shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs import assert_same, recording, write

HEAD = """
import sys, threading, traceback, logging
import torch
from torch import nn
import torch.nn.functional as F
x, y = torch.zeros(4, 3, requires_grad=True), torch.zeros(4, dtype=torch.long)
"""

# Each raises within something that flatline wraps.
RAISES = {
    "criterion": "F.cross_entropy(x, y[:2])",
    "criterion module": "nn.CrossEntropyLoss()(x, y[:2])",
    "criterion arguments": "F.cross_entropy(x, nonsense=1)",
    "nested criterion": "nn.Sequential(nn.Linear(3, 2), nn.Identity())(x[:, :2])",
    "backward": "x.backward()",
    "backward twice": "loss = (x * x).sum(); loss.backward(); loss.backward()",
    "backward of nothing": "torch.autograd.backward(torch.zeros(1))",
    "item": "x.exp().item()",
    "numpy": "x.exp().numpy()",
    "float": "float(x.exp())",
    "in-place": "torch.zeros(3).copy_(torch.zeros(7))",
    "assignment": "torch.zeros(3)[1] = torch.zeros(7)",
    "constructor": "nn.Linear(2)",
    "optimizer": "torch.optim.SGD([], lr=0.1)",
    "optimizer rate": "torch.optim.Adam([x], lr=-1.0)",
    "step": "o = torch.optim.LBFGS([x]); o.step(lambda: 1 / 0)",
    "loader": "torch.utils.data.DataLoader([1, 2], batch_size=-1)",
    "batches": "list(torch.utils.data.DataLoader([1, 'a', None]))",
    "worker": "list(torch.utils.data.DataLoader([torch.zeros(2), torch.zeros(3)], 2, num_workers=1))",
    "tensor from a tensor": "torch.tensor(x.exp(), nonsense=1)",
    "load": "nn.Linear(2, 2).load_state_dict({'weight': torch.zeros(3, 3)})",
    "checkpoint": "torch.utils.checkpoint.checkpoint(lambda v: v.nothing, x, use_reentrant=False)",
    "compile": "torch.compile(3, backend='no such backend')(x)",
    "with warnings": "torch.tensor(x.exp().sum()); float(x.exp().sum()); torch.argmax(x.exp(), dim=9)",
    "print": "print('\\ud800')",
}


SHOW = """
def chained(fails):
    try:
        fails()
    except Exception as first:
        try:
            raise ValueError("while handling")
        except ValueError as second:
            raise RuntimeError("because of") from first

def show(fails):
    try:
        chained(fails)
    except RuntimeError:
        traceback.print_exc()
        logging.exception("logged")
    try:
        fails()
    except Exception as error:
        traceback.print_exception(error)
        print([f.name for f in traceback.extract_tb(error.__traceback__)], file=sys.stderr)
    thread = threading.Thread(target=chained, args=(fails,), name="worker")
    thread.start()
    thread.join()
"""


def test_shown_in_every_way(folder: Path) -> None:
    body = "".join(f"def fails_{i}():\n    {line}\nshow(fails_{i})\n" for i, line in enumerate(RAISES.values()))
    write(folder, "program.py", HEAD + SHOW + body)
    expected = assert_same(folder, "program.py", PYTHONIOENCODING="utf-8")
    assert expected.status == 0
    assert expected.err.count(b"RuntimeError: because of") == 3 * len(RAISES)


@pytest.mark.parametrize("name", ["criterion module", "nested criterion", "with warnings", "in-place", "print"])
def test_uncaught(name: str, folder: Path) -> None:
    body = f"def fails():\n    {RAISES[name]}\nchained(fails)\n"
    write(folder, "program.py", HEAD + SHOW + body)
    assert assert_same(folder, "program.py", PYTHONIOENCODING="utf-8").status == 1


def test_the_error_that_ends_the_program_is_recorded(folder: Path) -> None:
    write(folder, "program.py", HEAD + "F.cross_entropy(x, y).backward()\nF.cross_entropy(x, y[:2])\n")
    assert_same(folder, "program.py")
    seen = recording(folder)
    assert seen.ended is not None and seen.ended.exception == "ValueError"
    line = seen.line(seen.ended.place)
    assert line is not None and line.source == "F.cross_entropy(x, y[:2])"


def test_locals_of_the_program_are_not_kept_alive(folder: Path) -> None:
    """Frames are read for names; what the program deletes must be gone, and ``locals()`` must stay as it was."""
    write(
        folder,
        "program.py",
        HEAD
        + """
import gc, weakref
gc.disable()
def train():
    w = torch.zeros(3, requires_grad=True)
    for step in range(3):
        big = torch.ones(3) * step
        loss = ((w - big) ** 2).mean()
        loss.backward()
        gone = weakref.ref(big), weakref.ref(loss)
        del big, loss
        print(step, [r() for r in gone])
def keeps():
    a = 1
    mine = locals()
    w = torch.zeros(3, requires_grad=True)
    loss = ((w - a) ** 2).mean()
    loss.backward()
    print(sorted(mine))
class Layer(nn.Module):
    def __init__(self, width):
        settings = locals()
        super().__init__()
        late = 1
        self.part = nn.Linear(width, width)
        print(sorted(settings))
train(); keeps(); Layer(2)
for i in range(30):
    nn.Linear(3, 3)(x)  # never backward: nothing may pile up
print(sum(isinstance(o, torch.Tensor) for o in gc.get_objects()) < 60)
""",
    )
    assert_same(folder, "program.py")
