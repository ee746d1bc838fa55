"""``flatline.check`` in code: what each check finds, what it leaves alone, and what it leaves untouched."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import flatline
from first_steps import outcomes, text
from flatline.verdict import Verdict

Batch = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def table(rows: int = 32, columns: int = 10, classes: int = 3) -> list[Batch]:
    return [(torch.randn(rows, columns), torch.randint(0, classes, (rows,))) for _ in range(2)]


def mlp(*more: nn.Module, columns: int = 10, classes: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(columns, 32), *more, nn.ReLU(), nn.Linear(32, classes))


def look(
    model: nn.Module, batches: Any, loss: Callable[..., torch.Tensor] | None = F.cross_entropy, **more: Any
) -> Verdict:
    return flatline.check(model, loss, batches, **{"overfit": False, "show": False, **more})


class Tokens(nn.Module):
    """A small language model: an attention with or without a causal mask, or a recurrent layer."""

    def __init__(self, kind: str, batch_first: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.embed = nn.Embedding(40, 16)
        self.place = nn.Parameter(torch.randn(12, 16))
        self.attend = nn.TransformerEncoderLayer(16, 2, 32, batch_first=batch_first)
        self.recur = nn.LSTM(16, 8 if kind == "bidirectional" else 16, batch_first=True, bidirectional=kind[0] == "b")
        self.head = nn.Linear(16, 40)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens) + self.place
        if self.kind in ("lstm", "bidirectional"):
            return self.head(self.recur(x)[0])
        mask = nn.Transformer.generate_square_subsequent_mask(12) if self.kind == "causal" else None
        return self.head(self.attend(x, src_mask=mask))


def language() -> list[Batch]:
    tokens = torch.randint(0, 40, (16, 13))
    return [(tokens[:, :-1], tokens[:, 1:])]


def per_token(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.reshape(-1, 40), targets.reshape(-1))


# healthy programs ----------------------------------------------------------------------------------------------


def test_a_healthy_model_passes_every_check_that_can_be_done() -> None:
    verdict = look(mlp(), table(), overfit=True)
    assert verdict.healthy and not verdict.causes and not verdict.probe_failures
    assert outcomes(verdict) == {
        "loss at start": "passed", "output range": "passed", "gradient everywhere": "passed", "inputs matter": "passed",
        "samples apart": "passed", "future hidden": "undone", "one batch can be learned": "passed",
        "labels not among inputs": "passed", "rows not repeated": "passed",
    }  # fmt: skip
    assert verdict.summary.startswith("Before the first update (test_check.py:")
    assert "no model takes sequences" in text(verdict, "future hidden")


def test_a_convolution_with_batch_norm_mixes_samples_as_expected() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 3),
    )  # fmt: skip
    verdict = look(model, [(torch.randn(16, 1, 8, 8), torch.randint(0, 3, (16,)))])
    assert outcomes(verdict)["samples apart"] == "expected"
    assert text(verdict, "samples apart").endswith("through batch normalisation only (1, 4)")
    assert verdict.healthy and not verdict.causes


def test_batch_norm_in_a_frozen_part_does_not_mix() -> None:
    model = mlp(nn.BatchNorm1d(32))
    model[1].eval()
    assert outcomes(look(model, table()))["samples apart"] == "passed"


@pytest.mark.parametrize("kind", ["causal", "lstm"])
def test_models_that_look_back_only(kind: str) -> None:
    verdict = look(Tokens(kind), language(), per_token)
    assert outcomes(verdict)["future hidden"] == "passed"
    assert outcomes(verdict)["samples apart"] == "passed"
    assert not verdict.faults


def test_a_tagger_may_look_both_ways() -> None:
    tokens = torch.randint(0, 40, (16, 12))
    verdict = look(Tokens("bidirectional"), [(tokens, tokens * 7 % 11)], per_token)
    assert outcomes(verdict)["future hidden"] == "passed"
    assert "looks both ways" in text(verdict, "future hidden")
    assert not verdict.faults


def test_a_contrastive_loss_compares_samples_by_design() -> None:
    class Contrast(nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            table = F.normalize(a) @ F.normalize(a + b).T / 0.1
            return F.cross_entropy(table, torch.arange(len(a)))

    batches = [(torch.randn(16, 10), torch.randn(16, 4))]
    verdict = look(nn.Linear(10, 4), batches, Contrast())
    assert outcomes(verdict)["samples apart"] == "expected"
    assert "contrastive" in text(verdict, "samples apart")
    assert not verdict.faults


def test_a_head_that_starts_at_zero_is_a_custom() -> None:
    model = mlp()
    nn.init.zeros_(model[2].weight)
    verdict = look(model, table())
    assert outcomes(verdict)["gradient everywhere"] == "expected"
    assert outcomes(verdict)["inputs matter"] == "expected"
    assert "2.weight" in text(verdict, "inputs matter") and verdict.healthy


def test_a_sequence_of_which_time_comes_first_is_not_judged() -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recur = nn.LSTM(5, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.recur(x)[0].mean(0)

    batches = DataLoader(TensorDataset(torch.randn(8, 12, 5), torch.randint(0, 8, (8,))), batch_size=8)
    swapped = [(x.transpose(0, 1), y) for x, y in batches]
    assert outcomes(look(First(), swapped))["samples apart"] == "undone"


# faulty programs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["open", "bidirectional"])
def test_a_language_model_that_sees_its_targets(kind: str) -> None:
    verdict = look(Tokens(kind), language(), per_token)
    assert outcomes(verdict)["future hidden"] == "failed"
    assert text(verdict, "future hidden") == "output 6 changes with place 7, and its target is what stands there"
    assert [(c.name, c.level) for c in verdict.faults] == [("answer-visible", "likely")]


def test_a_series_that_sees_its_own_next_values() -> None:
    class Smooth(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x.transpose(1, 2)).transpose(1, 2)

    series = torch.randn(16, 13, 2)
    verdict = look(Smooth(), [(series[:, :-1], series[:, 1:])], F.mse_loss)
    assert outcomes(verdict)["future hidden"] == "failed"
    assert verdict.faults[0].name == "answer-visible"


def test_attention_across_the_batch() -> None:
    tokens, classes = torch.randint(0, 40, (16, 12)), torch.randint(0, 40, (16,))
    model = Tokens("open", batch_first=False)
    verdict = look(model, [(tokens, classes)], lambda out, y: F.cross_entropy(out.mean(1), y))
    assert outcomes(verdict)["samples apart"] == "failed"
    assert text(verdict, "samples apart") == (
        "the outputs of 15 other samples change with one sample; first in attend.self_attn (MultiheadAttention)"
    )


def test_a_recurrent_layer_along_the_batch_passes_on_only_what_came_before() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recur, self.head = nn.LSTM(5, 8), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.recur(x)[0][:, -1])

    verdict = look(Last(), [(torch.randn(16, 7, 5), torch.randint(0, 3, (16,)))])
    assert outcomes(verdict)["samples apart"] == "failed"
    assert text(verdict, "samples apart").endswith("other samples change with one sample; first in recur (LSTM)")


def test_attention_weights_that_add_up_over_the_samples() -> None:
    class Pool(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score, self.head = nn.Linear(5, 1), nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weights = self.score(x).squeeze(-1).softmax(dim=0)
            return self.head((weights[..., None] * x).sum(1))

    verdict = look(Pool(), [(torch.randn(16, 7, 5), torch.randint(0, 3, (16,)))])
    assert outcomes(verdict)["samples apart"] == "failed"
    assert [c.name for c in verdict.faults] == ["samples-mixed"]


def test_weights_of_the_nodes_of_a_graph_are_no_scores() -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score, self.head = nn.Linear(5, 2), nn.Linear(5, 3)

        def forward(self, nodes: torch.Tensor) -> torch.Tensor:
            weights = self.score(nodes).softmax(dim=0).sum(1, keepdim=True)
            return self.head(nodes + (weights * nodes).sum(0))

    verdict = look(Graph(), [(torch.randn(16, 5), torch.randint(0, 3, (16,)))])
    assert outcomes(verdict)["samples apart"] == "failed"
    assert verdict.faults == []


def test_a_softmax_over_the_batch_between_model_and_loss() -> None:
    verdict = look(mlp(), table(), lambda out, y: F.nll_loss(F.log_softmax(out, dim=0), y))
    assert outcomes(verdict)["samples apart"] == "failed"
    assert "between the model and nll_loss" in text(verdict, "samples apart")
    assert outcomes(verdict)["output range"] == "failed"
    assert verdict.faults[0].name == "softmax-wrong-dim"


def test_parameters_without_a_gradient_are_named() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(10, 8), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.body(x).detach())

    model = Cut()
    verdict = look(model, table(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    assert text(verdict, "gradient everywhere") == ("2 of 4 parameters have no gradient (None): body.weight, body.bias")
    assert verdict.faults[0].name == "graph-cut"
    assert any("None" in item.measured for item in verdict.faults[0].evidence)


def test_a_bias_that_cancels_out_is_no_fault() -> None:
    def ranking(scores: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.softplus(scores[::2] - scores[1::2]).mean()

    verdict = look(mlp(classes=1), table(), ranking)
    assert outcomes(verdict)["gradient everywhere"] == "expected"
    assert "2.bias is exactly 0: a shift cancels out" in text(verdict, "gradient everywhere")


def test_a_constant_predictor() -> None:
    model = mlp()
    nn.init.constant_(model[0].bias, -1e3)
    verdict = look(model, table())
    assert outcomes(verdict)["inputs matter"] == "failed"
    # None and exactly zero are told apart.
    assert text(verdict, "gradient everywhere") == (
        "the gradient of 3 of 4 parameters is exactly 0: 0.weight, 0.bias, 2.weight"
    )


@pytest.mark.parametrize(
    ("loss", "target", "scale", "said"),
    [
        (F.cross_entropy, torch.arange(32) % 3, 10.0, "failed"),
        (F.binary_cross_entropy_with_logits, torch.eye(3).repeat(11, 1)[:32], 10.0, "failed"),
        (F.mse_loss, torch.randn(32, 3), 10.0, "failed"),
        (F.cross_entropy, torch.arange(32) % 3, 1.0, "passed"),
        (F.binary_cross_entropy_with_logits, torch.eye(3).repeat(11, 1)[:32], 1.0, "passed"),
        (F.mse_loss, torch.randn(32, 3), 1.0, "passed"),
        (F.l1_loss, torch.randn(32, 3), 1.0, "undone"),
    ],
)
def test_the_loss_at_the_start(loss: Any, target: torch.Tensor, scale: float, said: str) -> None:
    model = nn.Linear(10, 3)
    nn.init.normal_(model.weight, std=scale / 10**0.5)
    assert outcomes(look(model, [(torch.randn(32, 10), target)], loss))["loss at start"] == said


def test_the_band_of_the_loss_holds_for_normal_outputs() -> None:
    """Its derivation, against a simulation: outputs of variance 2 that know nothing stay below the upper end."""
    from flatline.checks.loss_at_start import _binary, _classes, _squares
    from flatline.observe.captured import LossCall

    z, rows = torch.randn(20_000, 10) * 2**0.5, 20_000
    y = torch.randint(0, 10, (rows,))
    for function, name, out, target in (
        (_classes, "cross_entropy", z, y),
        (_binary, "binary_cross_entropy_with_logits", z[:, 0], (y > 4).float()),
        (_squares, "mse_loss", z[:, 0], torch.randn(rows)),
    ):
        value, low, high, _, _ = function(LossCall(name, None, {}, out, target, out))
        assert low < value < high * 1.02 and value > 0.7 * high, name


@pytest.mark.parametrize(
    ("last", "loss", "said"),
    [
        (nn.Softmax(1), F.cross_entropy, "logits, not probabilities"),
        (nn.ReLU(), F.cross_entropy, "the last layer is a relu"),
        (nn.Identity(), F.nll_loss, "log-probabilities"),
    ],
)
def test_outputs_outside_the_domain_of_the_loss(last: nn.Module, loss: Any, said: str) -> None:
    verdict = look(nn.Sequential(mlp(), last), table(), loss)
    assert outcomes(verdict)["output range"] == "failed" and said in text(verdict, "output range")
    assert verdict.faults


def test_targets_that_the_output_cannot_reach() -> None:
    verdict = look(
        nn.Sequential(mlp(classes=1), nn.Tanh()), [(torch.randn(32, 10), torch.randn(32, 1) * 9)], F.mse_loss
    )
    assert "which a tanh cannot" in text(verdict, "output range")


def test_a_batch_that_cannot_be_learned() -> None:
    class Narrow(nn.Module):
        """A hundred weights and more, and every output is the same whatever they are."""

        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(10, 32), nn.Linear(32, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.body(x.sign().abs())))

    verdict = look(Narrow(), [(torch.randn(30, 10), torch.arange(30) % 3)], overfit=True)
    assert outcomes(verdict)["one batch can be learned"] == "failed"
    assert [(c.name, c.level) for c in verdict.causes] == [("insufficient-capacity", "possible")]


def test_more_targets_than_parameters_are_not_asked_for() -> None:
    verdict = look(nn.Linear(3, 1), [(torch.randn(64, 3), torch.randn(64, 1))], F.mse_loss, overfit=True)
    assert outcomes(verdict)["one batch can be learned"] == "expected"


def test_labels_among_the_inputs_and_repeated_rows() -> None:
    x, y = torch.randn(64, 6), torch.randint(0, 2, (64,))
    x[:, 1] = y + 0.5 * torch.randn(64)
    leaked = torch.cat([x, y[:, None].float()], 1)
    verdict = look(mlp(columns=7, classes=2), [(leaked, y)])
    assert outcomes(verdict)["labels not among inputs"] == "failed"
    assert "label-in-input" in [c.name for c in verdict.causes]
    verdict = look(mlp(columns=6, classes=2), [(x[:2].repeat(32, 1), y[:2].repeat(32))])
    assert outcomes(verdict)["rows not repeated"] == "failed"
    assert "duplicate-data" in [c.name for c in verdict.faults]


def test_time_that_is_up_is_said() -> None:
    verdict = look(mlp(), table(), seconds=0.0)
    assert text(verdict, "samples apart") == "the 0 seconds were over"


def test_a_model_that_does_not_like_to_be_called_again() -> None:
    class Once(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.line = nn.Linear(10, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls > 2:
                raise RuntimeError("only once")
            return self.line(x)

    verdict = look(Once(), table())
    assert outcomes(verdict)["samples apart"] == "undone"
    assert "only once" in text(verdict, "inputs matter") and not verdict.faults


def test_a_model_that_keeps_a_state_is_not_judged() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.line = nn.Linear(10, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.line(x) * self.calls

    assert "keeps a state" in text(look(Counting(), table()), "samples apart")


# untouched -----------------------------------------------------------------------------------------------------


class Restless(Dataset[Batch]):
    """A data set that counts, draws and remembers."""

    def __init__(self) -> None:
        self.reads = 0
        self.order: list[int] = []
        self.random = np.random.default_rng(1)
        self.python = random.Random(1)

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> Batch:
        self.reads += 1
        self.order.append(index)
        noise = float(self.random.normal()) + self.python.random() + float(np.random.rand()) + random.random()
        return torch.randn(10) + noise, torch.tensor(index % 3)


def test_nothing_is_touched() -> None:
    model = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))
    model[1].eval()
    optimizer = torch.optim.Adam(model.parameters())
    F.cross_entropy(model(torch.randn(8, 10)), torch.arange(8) % 3).backward()
    optimizer.step()
    generator = torch.Generator().manual_seed(5)
    data = Restless()
    loader = DataLoader(data, batch_size=16, shuffle=True, generator=generator)
    next(iter(loader))

    def state() -> tuple[Any, ...]:
        return copy.deepcopy(
            (
                model.state_dict(), [p.grad for p in model.parameters()], [m.training for m in model.modules()],
                optimizer.state_dict(), torch.get_rng_state(), random.getstate(), generator.get_state(),
                data.reads, data.order, data.random.bit_generator.state, data.python.getstate(), loader._iterator,
            )
        )  # fmt: skip

    np.random.seed(3)
    drawn = np.random.get_state()
    before, gradients = state(), [p.grad for p in model.parameters()]
    verdict = flatline.check(model, nn.CrossEntropyLoss(), loader, optimizer, show=False)
    assert not verdict.probe_failures and len(verdict.checks) == 9
    for expected, actual in zip(before, state()):
        assert_same(expected, actual)
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, np.random.get_state()))
    assert torch.nn.functional.cross_entropy.__module__ == "torch.nn.functional"


def assert_same(expected: Any, actual: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert torch.equal(expected, actual)
    elif isinstance(expected, dict):
        assert expected.keys() == actual.keys()
        for key in expected:
            assert_same(expected[key], actual[key])
    elif isinstance(expected, (list, tuple)):
        assert len(expected) == len(actual)
        for a, b in zip(expected, actual):
            assert_same(a, b)
    else:
        assert expected == actual


def test_training_after_a_check_is_training_without_one() -> None:
    def train(checked: bool) -> list[float]:
        torch.manual_seed(4)
        model = nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
        optimizer = torch.optim.Adam(model.parameters())
        data = TensorDataset(torch.randn(48, 10), torch.randint(0, 3, (48,)))
        loader = DataLoader(data, batch_size=16, shuffle=True)
        if checked:
            flatline.check(model, F.cross_entropy, loader, optimizer, overfit=False, show=False)
        losses = []
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    assert train(True) == train(False)


def test_a_model_that_the_loss_holds_is_untouched_too() -> None:
    model = mlp(nn.BatchNorm1d(32))
    before = copy.deepcopy(model.state_dict())

    def penalised(out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(out, y) + F.cross_entropy(model(torch.randn(8, 10)), torch.arange(8) % 3)

    look(model, table(), penalised)
    assert_same(before, model.state_dict())
    assert all(p.grad is None for p in model.parameters())


def test_gradients_of_any_layout_are_kept() -> None:
    """Sparse ones, and ones that are not laid out row by row."""
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(16, 3)).to(memory_format=torch.channels_last)
    x, y = torch.randn(8, 2, 4, 4), torch.arange(8) % 3
    F.cross_entropy(model(x), y).backward()
    words = nn.Sequential(nn.EmbeddingBag(20, 3, sparse=True))
    tokens = torch.randint(0, 20, (8, 5))
    F.cross_entropy(words(tokens), y).backward()
    before = [p.grad.clone() for m in (model, words) for p in m.parameters()]
    for module, given in ((model, x), (words, tokens)):
        assert not look(module, [(given, y)]).probe_failures
    after = [p.grad for m in (model, words) for p in m.parameters()]
    assert all(torch.equal(a.to_dense(), b.to_dense()) for a, b in zip(before, after))


def test_workers_and_their_loader() -> None:
    data = TensorDataset(torch.randn(32, 10), torch.randint(0, 3, (32,)))
    loader = DataLoader(data, batch_size=16, num_workers=1, persistent_workers=True)
    assert not look(mlp(), loader).faults
    assert loader._iterator is None
    under_way = iter(loader)
    next(under_way)
    assert not look(mlp(), loader).faults
    assert torch.equal(next(under_way)[0], data.tensors[0][16:])
    assert loader._iterator is under_way


# forms ---------------------------------------------------------------------------------------------------------


def test_a_model_in_evaluation_mode_is_checked_in_training_mode() -> None:
    model = mlp(nn.BatchNorm1d(32)).eval()
    verdict = look(model, table())
    assert outcomes(verdict)["samples apart"] == "expected" and not verdict.faults
    assert not model.training


class Dictionary(nn.Module):
    """Takes and gives dictionaries, with its loss among them."""

    def __init__(self, kind: str = "causal") -> None:
        super().__init__()
        self.inner = Tokens(kind)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.inner(input_ids)
        return {"loss": per_token(logits[:, :-1], labels[:, 1:]), "logits": logits}


@pytest.mark.parametrize(("kind", "said"), [("causal", "passed"), ("open", "failed")])
def test_dictionaries_of_a_model_that_computes_its_own_loss(kind: str, said: str) -> None:
    tokens = torch.randint(0, 40, (16, 12))
    verdict = look(Dictionary(kind), [{"input_ids": tokens, "labels": tokens}], None)
    assert outcomes(verdict)["future hidden"] == said
    assert [c.name for c in verdict.faults] == (["answer-visible"] if said == "failed" else [])


def test_an_autoencoder_gets_its_input_back() -> None:
    verdict = look(nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6)), [torch.randn(16, 6)], F.mse_loss)
    assert outcomes(verdict)["loss at start"] == "passed" and not verdict.faults


def test_several_inputs_and_a_formula_for_a_loss() -> None:
    batches = [(torch.randn(16, 4), torch.randn(16, 4), torch.randn(16, 1))]
    verdict = look(nn.Bilinear(4, 4, 1), batches, lambda out, y: ((out - y) ** 2).mean())
    assert outcomes(verdict)["samples apart"] == "passed" and outcomes(verdict)["gradient everywhere"] == "passed"
    assert "not known" in text(verdict, "loss at start") and not verdict.faults


def batches() -> Iterator[Batch]:
    yield from table()


@pytest.mark.parametrize(
    ("loader", "loss", "error", "said"),
    [
        (batches(), F.cross_entropy, TypeError, "can be gone through again, and a generator cannot"),
        (3, F.cross_entropy, TypeError, "a loader that gives batches, not a int"),
        ([], F.cross_entropy, ValueError, "the loader gives no batch"),
        (["text"], F.cross_entropy, TypeError, r"batches must be \(inputs, target\)"),
        (table(), None, TypeError, "a loss is needed for batches that are a tuple"),
    ],
)
def test_what_cannot_be_checked_is_told(loader: Any, loss: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        look(mlp(), loader, loss)


def test_a_model_that_cannot_be_copied_is_told() -> None:
    model = mlp()
    model.lock = (i for i in range(3))
    with pytest.raises(ValueError, match="cannot be copied"):
        look(model, table())


def test_an_error_of_the_model_passes_through_and_nothing_stays() -> None:
    model, given = mlp(columns=9), table()
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        look(model, given)
    assert torch.equal(state, torch.get_rng_state()) and all(p.grad is None for p in model.parameters())
    assert torch.nn.Module.__call__.__code__.co_filename.endswith("module.py")


def test_the_report_shows_each_check_with_its_outcome() -> None:
    from flatline.report.terminal import as_text

    shown = as_text(look(nn.Sequential(mlp(), nn.Softmax(1)), table()))
    assert "Checks" in shown and "before the first update" in shown
    for word, name in (("passed", "loss at start"), ("failed", "output range"), ("not done", "future hidden")):
        assert any(line.split(word)[-1].strip().startswith(name) for line in shown.splitlines() if word in line), shown
    model = mlp()
    nn.init.constant_(model[0].bias, -1e3)
    assert "flatline: a check failed" in as_text(look(model, table()))
