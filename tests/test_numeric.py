"""What is computed from tensors and recordings, against references written apart and over generated inputs."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flatline.observe import graph, measure
from flatline.observe.registry import Registry
from flatline.observe.schedule import Schedule
from flatline.observe.session import Session
from flatline.record.association import SIGNIFICANT, associate, pairs
from flatline.record.chance import entropy
from flatline.record.matching import Match, match
from flatline.record.printed import printed_losses, resolution
from recordings import Tape

settings.register_profile(
    "flatline", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("flatline")

Array = NDArray[np.float64]
SHAPES = st.lists(st.integers(0, 4), min_size=0, max_size=3)
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf]),
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
)


def filled(data: st.DataObject, shape: list[int], elements: st.SearchStrategy[float]) -> Array:
    count = math.prod(shape)
    values = data.draw(st.lists(elements, min_size=count, max_size=count))
    return np.array(values, dtype=np.float64).reshape(shape)


# tensors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@given(data=st.data(), shape=SHAPES)
def test_facts_of_floating_tensors(dtype: torch.dtype, data: st.DataObject, shape: list[int]) -> None:
    tensor = torch.tensor(filled(data, shape, FLOATS), dtype=dtype)
    before = tensor.clone()
    found = measure.facts(tensor)
    assert torch.equal(tensor.nan_to_num(), before.nan_to_num())
    values = tensor.double().numpy()
    finite = values[np.isfinite(values)]
    assert found.shape == shape
    assert found.elements == values.size
    assert found.dtype == str(dtype).removeprefix("torch.")
    assert found.non_finite == values.size - finite.size
    if finite.size == 0:
        assert math.isnan(found.minimum) and math.isnan(found.mean)
        return
    scale = float(np.abs(finite).max()) or 1.0
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())
    assert found.mean == pytest.approx(finite.mean(), abs=1e-5 * scale)
    assert found.deviation == pytest.approx(finite.std(), abs=1e-3 * scale)
    assert found.zeros == int((finite == 0).sum())
    if found.non_finite:
        first = np.unravel_index(int(np.argmin(np.isfinite(values).reshape(-1))), values.shape)
        assert found.first_non_finite == [int(i) for i in first]
    elif values.ndim >= 2:
        sums = [values.sum(1), values.sum(0), values.sum(-1)]
        expected = [float(v) for s in sums for v in (s.min(), s.max())]
        assert found.rows == pytest.approx(expected, abs=1e-4 * scale)
    if not found.non_finite and values.ndim >= 1 and values.shape[0] > 1:
        spread = values.reshape(values.shape[0], -1).std(0).mean()
        assert found.spread == pytest.approx(spread, abs=1e-3 * scale)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
@given(data=st.data(), shape=SHAPES)
def test_facts_of_integers(dtype: torch.dtype, data: st.DataObject, shape: list[int]) -> None:
    values = filled(data, shape, st.integers(0, 90).map(float))
    tensor = torch.tensor(values).to(dtype)
    values = tensor.double().numpy()
    found = measure.facts(tensor)
    assert found.non_finite == 0
    if values.size == 0:
        assert found.counts == {}
        return
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean())
    assert found.zeros == int((values == 0).sum())
    assert found.counts == {str(int(v)): n for v, n in Counter(values.reshape(-1)).items()}


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=400))
def test_counts_are_complete_or_absent(values: list[int]) -> None:
    expected = {str(v): n for v, n in Counter(values).items()}
    assert measure.counts(torch.tensor(values)) == (expected if len(expected) <= measure.MOST_VALUES else {})


@pytest.mark.parametrize("length", [200, 5000, 10_000])
def test_up_to_64_values_are_counted(length: int) -> None:
    values = torch.arange(length)
    assert len(measure.counts(values % 64)) == 64
    assert sum(measure.counts(values % 64).values()) == length
    assert measure.counts(values % 65) == {}


def test_facts_of_what_holds_no_readable_values() -> None:
    for tensor in (torch.zeros(3, device="meta"), torch.zeros(2, 2).to_sparse(), torch.zeros(2, dtype=torch.complex64)):
        found = measure.facts(tensor)
        assert found.shape == list(tensor.shape) and math.isnan(found.mean) and found.counts == {}


def test_facts_leave_the_random_state_and_the_graph_alone() -> None:
    weights = torch.ones(3, 3, requires_grad=True)
    state = torch.get_rng_state()
    output = (weights * 2).softmax(1)
    found = measure.facts(output)
    assert torch.equal(torch.get_rng_state(), state)
    assert weights.grad is None and found.origin == "Softmax" and found.requires_grad


def test_above_two_million_elements_a_part_stands_for_all_but_no_nan_is_missed() -> None:
    tensor = torch.arange(measure.MOST_ELEMENTS * 2 + 2, dtype=torch.float32)
    tensor[7] = math.nan
    found = measure.facts(tensor)
    assert (found.non_finite, found.first_non_finite) == (1, [7])
    assert found.mean == pytest.approx(measure.MOST_ELEMENTS, rel=1e-3)


def test_an_output_is_summarised_once_until_it_is_changed() -> None:
    registry = Registry(Session(lambda events: None))
    output = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    first = registry.facts(output)
    assert registry.facts(output) is first and first == measure.facts(output, with_counts=False)
    assert measure.counted(first, output) == measure.facts(output) and first.counts == {}
    output[0, 0] = 5.0
    assert registry.facts(output) == measure.facts(output, with_counts=False) != first
    assert registry.facts(output.clone()) is not registry.facts(output)
    with torch.inference_mode():
        unversioned = torch.ones(2)
        assert registry.facts(unversioned).mean == 1.0
        unversioned += 1
        assert registry.facts(unversioned).mean == 2.0


@given(
    st.integers(1, 3000),
    st.lists(st.integers(1, 40), min_size=1, max_size=3).filter(lambda rest: math.prod(rest) < 9000),
)
def test_of_a_large_activation_enough_units_are_looked_at(batch: int, rest: list[int]) -> None:
    value = torch.arange(batch * math.prod(rest), dtype=torch.float32).reshape(batch, *rest)
    some = graph.some_units(value)
    units = some.numel() // batch
    assert some.shape[0] == batch
    assert units >= min(math.prod(rest), graph.ENOUGH_UNITS, graph.MOST_ELEMENTS // batch)
    # The stride is odd, and rounded down twice: 2.9 is 2, so 1.
    assert some.numel() <= max(3 * graph.MOST_ELEMENTS, batch)
    assert torch.equal(some.reshape(batch, -1)[:, 0], value.reshape(batch, -1)[:, 0])


# labels --------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50))
def test_entropy(counts: list[int]) -> None:
    shares = np.array(counts) / sum(counts)
    found = entropy(Counter({str(i): n for i, n in enumerate(counts)}))
    assert found == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)
    assert -1e-12 <= found <= math.log(len(counts)) + 1e-12


def test_entropy_of_nothing_and_of_unseen_labels() -> None:
    assert entropy(Counter()) == 0
    assert entropy(Counter({"0": 4, "1": 4, "2": 0})) == pytest.approx(math.log(2))


# printed numbers -----------------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.integers(0, 8), st.sampled_from(["f", "e", "g"]))
def test_a_printed_number_is_within_its_resolution(value: float, digits: int, style: str) -> None:
    text = f"{value:.{digits}{style}}"
    if style == "g" and digits and float(text) != 0 and "." not in text:
        return  # 1e+05 at three digits: the zeros that %g drops cannot be known
    assert abs(float(text) - value) <= resolution(text) * (1 + 1e-9) + 1e-12


@given(st.integers(0, 8), st.integers(0, 10**9))
def test_resolution_is_half_a_unit_of_the_last_digit(decimals: int, digits: int) -> None:
    text = f"{digits / 10**decimals:.{decimals}f}"
    assert resolution(text) == pytest.approx(0.5 * 10.0**-decimals)


NUMBERS = st.one_of(
    st.floats(0, 1e4).map(lambda v: f"{v:.4f}"),
    st.floats(-1e4, 1e4).map(lambda v: f"{v:.3e}"),
    st.floats(0, 10).map(repr),
    st.sampled_from(["0", "12", "nan", "inf", "-inf", "0.", ".5"]),
)
LINES = st.sampled_from(
    [
        ("Epoch {n}/10, Loss: {x}", "loss"),
        ("epoch {n}  loss {x}  accuracy 0.725", "loss"),
        ("[{n}, 2000] loss: {x}", "loss"),
        ("step {n} train_loss={x} lr=0.001", "train_loss"),
        ("Epoch {n} | train loss {x} | val acc 0.91", "train loss"),
        ("val_loss: {x}", "val_loss"),
        ("{{'loss': {x}, 'grad_norm': 0.5, 'epoch': {n}}}", "loss"),
        ("Train Epoch: {n} [640/60000 (1%)]\tLoss: {x}", "loss"),
        ("loss tensor({x})", "loss"),
        ("iteration {n}: nll {x}", "nll"),
    ]
)


@given(LINES, NUMBERS, st.integers(1, 99))
def test_labelled_numbers_are_read(line: tuple[str, str], number: str, n: int) -> None:
    pattern, label = line
    tape = Tape("log(text)")
    tape.prints(pattern.format(n=n, x=number))
    found = printed_losses(tape.recording())
    assert [p.label.split(" (")[0] for p in found] == [label]
    assert [x.value for x in found[0].numbers] == pytest.approx([float(number)], nan_ok=True)
    assert found[0].evaluation == label.startswith("val")


@pytest.mark.parametrize(
    "text",
    ["accuracy 0.91", "epoch 3 of 10", "lossless 0.5", "no loss 3", "gloss 7", "loss improved", "loss_fn built 12"],
)
def test_what_is_no_loss_is_not_read(text: str) -> None:
    tape = Tape("log(text)")
    tape.prints(text)
    assert printed_losses(tape.recording()) == []


@pytest.mark.parametrize(
    ("label", "evaluation"),
    [
        ("val_loss", True), ("valid loss", True), ("validation loss", True), ("test loss", True), ("dev_loss", True),
        ("eval/loss", True), ("holdout loss", True), ("testing loss", True), ("valLoss", True),
        ("train loss", False), ("value_loss", False), ("value loss", False), ("latest loss", False),
        ("interval loss", False), ("device loss", False),
    ],
)  # fmt: skip
def test_labels_that_speak_of_held_out_data(label: str, evaluation: bool) -> None:
    tape = Tape("log(text)")
    tape.prints(f"{label} 0.5")
    [found] = printed_losses(tape.recording())
    assert found.evaluation == evaluation


def test_names_in_the_source_label_bare_numbers() -> None:
    tape = Tape("print(epoch, running_loss, accuracy)")
    tape.prints("3 0.25 0.9")
    [found] = printed_losses(tape.recording())
    assert (found.label, found.numbers[0].value, found.numbers[0].text) == ("running_loss", 0.25, "3 0.25 0.9")


# what a printed number is --------------------------------------------------------------------------------------

BATCHES = 23
Quantity = Callable[[Array, Array, Array], float]


def printed(quantity: Quantity, seed: int, decimals: int = 6, epochs: int = 4, reduction: str = "mean") -> Match:
    """Epochs of 23 batches; after each one, the quantity of (its losses, their sizes, all losses so far)."""
    generator = np.random.default_rng(seed)
    tape = Tape("log(text)\nloss.backward()")
    sizes = [16] * (BATCHES - 1) + [5]
    so_far: list[float] = []
    for epoch in range(epochs):
        losses = generator.uniform(0.3, 2.0, BATCHES) / (1 + epoch)
        if reduction == "sum":
            losses = losses * np.array(sizes)
        tape.train(losses, sizes, line=2)
        so_far += list(losses)
        shown = quantity(losses, np.array(sizes, dtype=float), np.array(so_far))
        tape.prints(f"epoch {epoch} loss {shown:.{decimals}f}")
    recording = tape.recording()
    for curve in recording.curves:
        curve.reduction = reduction
    [series] = printed_losses(recording)
    return match(series, recording)


def moving_average(values: Array, decay: float) -> float:
    average = values[0]
    for value in values[1:]:
        average = decay * average + (1 - decay) * value
    return float(average)


RIGHT: dict[str, Quantity] = {
    "the last batch's loss": lambda w, n, a: w[-1],
    "the mean since the last print": lambda w, n, a: w.mean(),
    "the mean weighted by batch size": lambda w, n, a: (w * n).sum() / n.sum(),
    "the sum since the last print": lambda w, n, a: w.sum(),
    "the sum weighted by batch size": lambda w, n, a: (w * n).sum(),
    "the mean since the start": lambda w, n, a: a.mean(),
    "the first batch's loss": lambda w, n, a: w[0],
    "the root of the mean": lambda w, n, a: math.sqrt(w.mean()),
    "minus the mean": lambda w, n, a: -w.mean(),
    "the mean of the last 10": lambda w, n, a: a[-10:].mean(),
    "a moving average with decay 0.9": lambda w, n, a: moving_average(a, 0.9),
    "the loss before its division by 4": lambda w, n, a: 4 * w.mean(),
}
WRONG: dict[str, Quantity] = {
    "the last batch's loss divided by the number of batches": lambda w, n, a: w[-1] / len(w),
    "the mean divided once more by the number of batches": lambda w, n, a: w.mean() / len(w),
    "the sum of mean losses divided by the number of samples": lambda w, n, a: w.sum() / n.sum(),
    "the mean divided by the batch size": lambda w, n, a: w.mean() / n.max(),
    "the last batch's loss divided by the number of samples": lambda w, n, a: w[-1] / n.sum(),
    "the sum since the start divided by one epoch's batches": lambda w, n, a: a.sum() / len(w),
    "the mean divided by 100": lambda w, n, a: w.mean() / 100,
    "the sum of the last 7 batches divided by the number of all": lambda w, n, a: w[-7:].sum() / len(w),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", range(5))
def test_the_right_quantity_is_found(name: str, seed: int) -> None:
    found = printed(RIGHT[name], seed)
    assert (found.agrees, found.quantity) == (True, name)


@pytest.mark.parametrize("seed", range(5))
def test_a_sum_over_samples_divided_by_their_number_is_right(seed: int) -> None:
    found = printed(lambda w, n, a: w.sum() / n.sum(), seed, reduction="sum")
    assert (found.agrees, found.quantity) == (True, "the sum over samples divided by their number")


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", range(5))
def test_mistakes_are_found(name: str, seed: int) -> None:
    found = printed(WRONG[name], seed, decimals=8)
    assert (found.agrees, found.factor) == (False, name)
    assert found.ratio == pytest.approx(np.median(np.array(found.shown) / found.true))


@pytest.mark.parametrize("seed", range(5))
def test_a_printed_zero_is_a_mistake(seed: int) -> None:
    found = printed(lambda w, n, a: 0.0, seed, decimals=4)
    assert (found.agrees, found.ratio, found.quantity) == (False, 0.0, "0")


def test_a_printed_zero_is_right_for_a_loss_below_its_digits() -> None:
    tape = Tape("log(text)\nloss.backward()")
    tape.train([1e-5, 4e-5, 2e-5], line=2)
    tape.prints("loss 0.0000")
    recording = tape.recording()
    assert match(printed_losses(recording)[0], recording).agrees is True


def test_a_printed_zero_is_no_mistake_once_the_loss_is_small() -> None:
    tape = Tape("log(text)\nloss.backward()")
    for losses in ([0.7, 0.5], [0.02, 1e-5], [1e-5, 2e-5]):
        tape.train(losses, line=2)
        tape.prints("least loss 0.0000")
    recording = tape.recording()
    assert match(printed_losses(recording)[0], recording).agrees is not False


def test_a_printed_zero_in_place_of_nan_is_a_mistake() -> None:
    tape = Tape("log(text)\nloss.backward()")
    tape.train([math.nan, math.nan], line=2)
    tape.prints("loss 0.0000")
    recording = tape.recording()
    found = match(printed_losses(recording)[0], recording)
    assert (found.agrees, found.factor) == (False, "non-finite")


@pytest.mark.parametrize(("epochs", "decimals"), [(1, 2), (1, 4), (2, 2), (4, 2), (4, 4)])
def test_numbers_that_are_another_quantity_are_no_mismatch(epochs: int, decimals: int) -> None:
    wrong = 0
    for seed in range(200):
        other = np.random.default_rng(10_000 + seed)
        found = printed(
            lambda w, n, a, other=other: other.uniform(0.01, 3.0),  # type: ignore[misc]
            seed, decimals, epochs,
        )  # fmt: skip
        wrong += found.agrees is False
    assert wrong == 0


def test_a_print_before_any_loss_is_nothing() -> None:
    tape = Tape("log(text)\nloss.backward()")
    tape.prints("loss 0.5")
    tape.train([1.0, 2.0], line=2)
    recording = tape.recording()
    assert match(printed_losses(recording)[0], recording).agrees is None


# whether targets can be predicted ------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator, int], NDArray[np.generic]]


def normal(generator: np.random.Generator, rows: int) -> Array:
    return generator.standard_normal((rows, 10))


def tokens(generator: np.random.Generator, rows: int) -> NDArray[np.int64]:
    return generator.integers(0, 60, (rows, 12))


def coins(generator: np.random.Generator, rows: int) -> NDArray[np.int64]:
    return generator.integers(0, 2, rows)


def rare(generator: np.random.Generator, rows: int) -> NDArray[np.int64]:
    return np.asarray(generator.random(rows) < 0.15).astype(np.int64)


def seven(generator: np.random.Generator, rows: int) -> NDArray[np.int64]:
    return generator.integers(0, 7, rows)


def reals(generator: np.random.Generator, rows: int) -> Array:
    return generator.standard_normal((rows, 1))


def text(generator: np.random.Generator, rows: int) -> NDArray[np.int64]:
    return generator.choice(20, (rows // 10, 10), p=np.arange(1, 21) / 210)


def heavy(generator: np.random.Generator, rows: int) -> Array:
    return np.exp(2 * generator.standard_normal((rows, 1)))


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (normal, coins),
        (normal, seven),
        (normal, reals),
        (tokens, coins),
        (tokens, rare),
        (tokens, seven),
        (tokens, heavy),
        (text, text),
    ],
)
def test_without_signal_small_p_are_rare(inputs: Draw, targets: Draw) -> None:
    small = 0
    seeds = 300
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        tape = Tape()
        tape.rows(inputs(generator, 100), targets(generator, 100))
        found = associate(tape.recording())
        assert found is not None
        small += found.p < SIGNIFICANT
    assert small <= 0.01 * seeds


PLANTED: dict[str, Callable[[Array], NDArray[np.generic]]] = {
    "one feature": lambda x: (x[:, 3] > 0).astype(np.int64),
    "a sum": lambda x: (x.sum(1) > 0).astype(np.int64),
    "a curve": lambda x: (x[:, 0] ** 2 + x[:, 1] ** 2 > 1.4).astype(np.int64),
    "a real number": lambda x: x[:, :1] - 0.5 * x[:, 1:2],
    "a noisy feature": lambda x: (x[:, 3] + 0.8 * x[:, 4] > 0).astype(np.int64),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", range(5))
def test_planted_signals_are_found(name: str, seed: int) -> None:
    inputs = np.random.default_rng(seed).standard_normal((300, 6))
    tape = Tape()
    tape.rows(inputs, PLANTED[name](inputs))
    found = associate(tape.recording())
    assert found is not None and found.found


@pytest.mark.parametrize("seed", range(3))
def test_which_token_follows_which_is_found(seed: int) -> None:
    """Two epochs of a text in which a letter is followed by the next one of the alphabet half of the time."""
    generator = np.random.default_rng(seed)
    letters = [0]
    for _ in range(600):
        letters.append((letters[-1] + 1) % 12 if generator.random() < 0.5 else int(generator.integers(12)))
    tape = Tape()
    for start in [*range(0, 600, 120)] * 2:
        tape.rows(np.array(letters[start : start + 120]).reshape(12, 10), np.array(letters[start + 1 : start + 121]))
    found = associate(tape.recording())
    assert found is not None and found.found and found.rows == 600


def test_masked_targets_are_no_labels() -> None:
    """The mask can be read from the inputs, as padding can; the labels beside it cannot."""
    generator = np.random.default_rng(0)
    inputs = generator.integers(1, 9, (40, 10))
    target = generator.integers(0, 4, (40, 10))
    inputs[:, 6:], target[:, 6:] = 0, -100
    tape = Tape()
    tape.rows(inputs, target)
    found = associate(tape.recording())
    assert found is not None and not found.found and found.rows == 240


def test_the_same_row_twice_counts_once() -> None:
    """With a row in both parts, any noise could be predicted by looking it up."""
    generator = np.random.default_rng(0)
    inputs, target = generator.standard_normal((60, 4)), generator.integers(0, 2, 60)
    tape = Tape()
    for _ in range(3):
        tape.rows(np.tile(inputs, (2, 1)), np.tile(target, 2))
    found = associate(tape.recording())
    assert found is not None and not found.found and found.rows == 60


def test_the_score_is_that_of_rows_that_were_left_out() -> None:
    """On noise no probe is better than chance, however well it would fit the rows it was made from."""
    scores = []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        tape = Tape()
        tape.rows(generator.standard_normal((100, 60)), coins(generator, 100))
        found = associate(tape.recording())
        assert found is not None
        if found.method != "a single feature":
            scores.append(found.score - found.baseline)
    assert len(scores) > 10 and np.mean(scores) < 0.05


def test_single_meetings_of_rare_values_hide_no_relation() -> None:
    generator = np.random.default_rng(0)
    inputs = np.exp(4 * generator.standard_normal((300, 40)))
    inputs[:, 0] = generator.standard_normal(300)
    target = (inputs[:, 0] > 0).astype(np.int64)
    target[:8] = np.arange(2, 10)
    tape = Tape()
    tape.rows(inputs, target)
    found = associate(tape.recording())
    assert found is not None and found.found and found.method == "a single feature"


def test_rows_of_an_evaluation_are_kept_apart() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((100, 4))
    tape = Tape()
    tape.rows(inputs, (inputs[:, 0] > 0).astype(np.int64), gradient=False)
    recording = tape.recording()
    assert associate(recording) is None
    kept = pairs(recording, evaluation=True)
    assert kept is not None and len(kept[1]) == 100


def test_too_few_or_constant_targets_are_not_tested() -> None:
    few, constant, both = Tape(), Tape(), Tape()
    few.rows(np.random.default_rng(0).standard_normal((29, 3)), np.arange(29) % 2)
    constant.rows(np.random.default_rng(0).standard_normal((100, 3)), np.zeros(100, np.int64))
    both.rows(np.zeros((100, 3)), np.arange(100) % 2)
    assert associate(few.recording()) is None
    assert associate(constant.recording()) is None
    # Equal inputs with different targets are two rows at most.
    assert associate(both.recording()) is None


def test_numbers_that_are_not_finite_do_not_disturb_the_tests() -> None:
    inputs = np.random.default_rng(0).standard_normal((200, 4))
    target = (inputs[:, 0] > 0).astype(np.int64)
    inputs[5, 2], inputs[6, 1] = math.nan, math.inf
    tape = Tape()
    tape.rows(inputs, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = associate(tape.recording())
    assert found is not None and found.found and found.rows == 198


# which steps are measured --------------------------------------------------------------------------------------


@given(st.integers(1, 50), st.floats(1.05, 3.0), st.integers(100, 5000))
def test_schedule_is_dense_first_then_thins_out(dense: int, growth: float, steps: int) -> None:
    schedule = Schedule(dense, growth)
    wanted = [step for step in range(steps) if schedule.wants(step)]
    assert wanted[:dense] == list(range(dense))
    gaps = np.diff(wanted)
    assert len(wanted) <= dense + 2 + math.log(steps / dense) / math.log(growth) + 1 / (growth - 1)
    for before, after, gap in zip(wanted[dense:], wanted[dense + 1 :], gaps[dense:]):
        assert gap <= max(1, math.ceil(before * (growth - 1))) and after > before


def test_schedule_is_dense_again_after_an_event() -> None:
    schedule = Schedule(dense=2, growth=10.0)
    assert [step for step in range(4) if schedule.wants(step)] == [0, 1, 2]
    schedule.event(5, extra=3)
    assert [step for step in range(5, 12) if schedule.wants(step)] == [5, 6, 7, 8]


def test_an_event_never_shortens_what_is_dense() -> None:
    schedule = Schedule(dense=20)
    schedule.event(1)
    assert all(schedule.wants(step) for step in range(20))
