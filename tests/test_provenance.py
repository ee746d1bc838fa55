"""Where the data behind a use were made, followed through small sources.

In each source the use is the one line that holds ``loss(``, and the line that must be found holds ``# here``.
"""

from __future__ import annotations

import ast

import pytest

from flatline.record.provenance import made_at, origin_line
from flatline.record.source import epoch_loop, input_text, shares_loop, steps_limit, update_line
from recordings import Tape

SOURCES = {
    "a name": """
        y = torch.zeros(100)  # here
        loss(model(x), y)
    """,
    "a chain of names": """
        raw = torch.randint(0, 2, (100,))  # here
        labels = raw
        y = labels
        loss(model(x), y)
    """,
    "conversions": """
        y = torch.ones(5)  # here
        loss(model(x), y.float().to(device).unsqueeze(1))
    """,
    "a loop over a loader": """
        targets = torch.zeros(100)  # here
        loader = DataLoader(TensorDataset(inputs, targets), batch_size=8)
        for x, y in loader:
            loss(model(x), y)
    """,
    "the loop's index before the pair": """
        targets = torch.zeros(100)  # here
        loader = DataLoader(TensorDataset(inputs, targets), batch_size=8)
        for i, (x, y) in enumerate(loader):
            loss(model(x), y)
    """,
    "the first of a numbered pair": """
        targets = torch.zeros(100)  # here
        loader = DataLoader(TensorDataset(targets, inputs), batch_size=8)
        for i, (y, x) in enumerate(loader):
            loss(model(x), y)
    """,
    "a name that a function has too": """
        y = torch.zeros(100)  # here
        def other():
            y = torch.ones(100)
        loss(model(x), y)
    """,
    "a name that only a function has": """
        def step():
            loss(model(x), y)
        y = torch.zeros(100)  # here
        def other():
            y = torch.ones(100)
    """,
    "a name that is added to": """
        y = torch.zeros(100)  # here
        y += 1
        loss(model(x), y)
    """,
    "the second of three tensors": """
        a, b, c = torch.rand(5), torch.rand(5), torch.rand(5)
        y = torch.zeros(100)
        weights = torch.ones(100)  # here
        data = TensorDataset(inputs, weights, y)
        for x, w, t in DataLoader(data):
            loss(model(x), w)
    """,
    "the first tensor": """
        inputs = torch.zeros(100)  # here
        data = TensorDataset(inputs, targets)
        for y, x in DataLoader(data):
            loss(model(x), y)
    """,
    "a function that returns": """
        def make(n):
            label = torch.zeros(n)  # here
            return label
        y = make(100)
        loss(model(x), y)
    """,
    "a function that returns a tuple": """
        def make(n):
            inputs = torch.rand(n, 3)
            label = (inputs[:, 0] > 5).float()  # here
            return inputs, label
        x, y = make(100)
        loss(model(x), y)
    """,
    "a function that passes a parameter through": """
        def shuffled(values):
            return values
        made = torch.zeros(100)  # here
        y = shuffled(made)
        loss(model(x), y)
    """,
    "a function that builds a data set": """
        def survey(n):
            income = torch.rand(n)
            label = (income > 2).float()  # here
            return TensorDataset(income, label)
        loader = DataLoader(survey(100))
        for x, y in loader:
            loss(model(x), y)
    """,
    "a parameter of the function that trains": """
        def step(x, y):
            loss(model(x), y)
        labels = torch.zeros(100)  # here
        step(images, labels)
    """,
    "a keyword argument of the function that trains": """
        def step(x, y):
            loss(model(x), y)
        labels = torch.zeros(100)  # here
        step(images, y=labels)
    """,
    "a loader that is a parameter": """
        def fit(loader):
            for x, y in loader:
                loss(model(x), y)
        labels = torch.zeros(100)  # here
        fit(DataLoader(TensorDataset(images, labels)))
    """,
    "unpacking": """
        x, y = torch.rand(5), torch.zeros(5)  # here
        loss(model(x), y)
    """,
    "nested unpacking": """
        train_y = torch.zeros(5)  # here
        (x, y), (test_x, test_y) = (train_x, train_y), (a, b)
        loss(model(x), y)
    """,
    "a Dataset class": """
        class Notes(Dataset):
            def __init__(self):
                self.labels = torch.zeros(100)  # here
            def __getitem__(self, i):
                return self.texts[i], self.labels[i]
        for x, y in DataLoader(Notes()):
            loss(model(x), y)
    """,
    "a Dataset class that computes its label": """
        class Notes(Dataset):
            def __getitem__(self, i):
                text = self.texts[i]
                label = torch.tensor(0)  # here
                return text, label
        for x, y in DataLoader(Notes()):
            loss(model(x), y)
    """,
    "a Dataset class given its labels": """
        class Notes(Dataset):
            def __init__(self, texts, labels):
                self.texts, self.labels = texts, labels
            def __getitem__(self, i):
                return self.texts[i], self.labels[i]
        made = torch.zeros(100)  # here
        for x, y in DataLoader(Notes(texts, made)):
            loss(model(x), y)
    """,
    "a generator": """
        def batches():
            for i in range(10):
                y = torch.zeros(8)  # here
                yield x[i], y
        for x, y in batches():
            loss(model(x), y)
    """,
    "a random split": """
        labels = torch.zeros(100)  # here
        train, test = random_split(TensorDataset(images, labels), [80, 20])
        for x, y in DataLoader(train):
            loss(model(x), y)
    """,
    "train_test_split": """
        labels = data.target * 0  # here
        x, x_test, y, y_test = train_test_split(data.data, labels)
        loss(model(x), y)
    """,
    "the last assignment above the use": """
        y = torch.rand(5)
        y = torch.zeros(5)  # here
        loss(model(x), y)
        y = torch.ones(5)
    """,
    "a shuffle of the same name": """
        y = torch.zeros(5)  # here
        y = y[order]
        loss(model(x), y)
    """,
    "an element that is written": """
        y = torch.rand(5)
        filler = torch.zeros(1)
        y[mask] = filler  # here
        loss(model(x), y)
    """,
    "a list that is appended to": """
        rows = []
        for name in names:
            rows.append(torch.tensor(0))  # here
        y = torch.stack(rows)
        loss(model(x), y)
    """,
    "a cut": """
        ids = torch.randint(0, 9, (4, 10))
        y = ids[:, 1:]  # here
        loss(model(x), y)
    """,
}


def use(tape: Tape) -> tuple[int, str]:
    """The line of the use and the source of its second argument."""
    for node in ast.walk(ast.parse(tape.source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "loss":
            return node.lineno, ast.unparse(node.args[1])
    raise AssertionError("the source has no use")


@pytest.mark.parametrize("name", SOURCES)
def test_origin(name: str) -> None:
    tape = Tape(SOURCES[name])
    number, argument = use(tape)
    recording = tape.recording()
    found = origin_line(recording, recording.line_at("train.py", number), argument)
    expected = tape.line_with("# here")
    assert found is not None
    assert (found.line, found.source) == (expected.line, expected.source)


def test_the_trail_runs_from_the_use_to_the_making() -> None:
    tape = Tape(SOURCES["a chain of names"])
    number, argument = use(tape)
    recording = tape.recording()
    lines = [line.line for line in made_at(recording, recording.line_at("train.py", number), argument)]
    assert lines == [3, 2, 1]


@pytest.mark.parametrize(
    ("source", "argument"),
    [
        ("loss(model(x), y)", "y"),
        ("from data import y\nloss(model(x), y)", "y"),
        ("y = y\nloss(model(x), y)", "y"),
        ("def f(n):\n    return f(n)\ny = f(1)\nloss(model(x), y)", "y"),
        ("a = b\nb = a\nloss(model(x), a)", "a"),
        ("for y in y:\n    loss(model(x), y)", "y"),
        ("loss(model(x), y)", "not an expression"),
        ("loss(model(x), y)", ""),
        ("this is not Python", "y"),
    ],
)
def test_where_the_trail_is_lost_there_is_no_error(source: str, argument: str) -> None:
    tape = Tape(source)
    recording = tape.recording()
    last = len(source.splitlines())
    found = origin_line(recording, recording.line_at("train.py", last), argument)
    assert found is None or 1 <= found.line <= last


def test_no_line_and_no_argument_lead_nowhere() -> None:
    recording = Tape("y = 1").recording()
    assert origin_line(recording, None, "y") is None
    assert origin_line(recording, recording.line_at("train.py", 1), None) is None
    assert origin_line(recording, recording.line_at("other.py", 1), "y") is None


# loops and lines -----------------------------------------------------------------------------------------------

TRAINING = """
    def train_epoch(loader):
        for x, y in loader:
            out = blend(image, net(x))
            value = criterion(net(x[0:8]), y)
            value.backward()
            with torch.no_grad():
                w -= rate * w.grad
    def report():
        print("loss", value)
    for epoch in range(10):
        train_epoch(loader)
        report()
    print("done")
"""


def test_loops_are_followed_through_calls() -> None:
    tape = Tape(TRAINING)
    step, shown, done = (tape.place(tape.line_with(t).line) for t in ("value.backward", '"loss", value', '"done"'))
    recording = tape.recording()
    assert shares_loop(recording, step, shown)
    assert not shares_loop(recording, step, done)
    assert not shares_loop(recording, None, step)
    found = epoch_loop(recording, recording.line(step))
    assert found is not None and found.source == "for epoch in range(10):"


def test_what_a_model_is_given() -> None:
    tape = Tape(TRAINING)
    assert input_text(tape.recording(), tape.line_with("out = blend")) == "x"
    assert input_text(tape.recording(), tape.line_with("value = criterion")) == "x[0:8]"
    assert input_text(tape.recording(), tape.line_with('"done"')) is None


def test_where_weights_are_moved_by_hand() -> None:
    tape = Tape(TRAINING)
    found = update_line(tape.recording(), tape.line_with("value.backward"))
    assert found is not None and found.source == "w -= rate * w.grad"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("for epoch in range(3):\n    for x in loader:\n        loss.backward()", "for epoch in range(3):"),
        ("for x in loader:\n    loss.backward()\n    if step > 10:\n        break", "if step > 10:"),
        ("for x in loader:\n    loss.backward()\n    if ready:\n        optimizer.step()", "if ready:"),
        ("def fit(n):\n    for i in range(n):\n        loss.backward()\nfit(2)", "fit(2)"),
    ],
)
def test_what_bounds_the_number_of_steps(source: str, expected: str) -> None:
    tape = Tape(source)
    found = steps_limit(tape.recording(), tape.line_with("loss.backward"))
    assert found is not None and found.source == expected
