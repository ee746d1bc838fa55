"""Along which dimension a layer runs, to which samples its steps belong, and what must not be called a mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from flatline.causes.base import Decision, Expected, Found, Level, RuledOut, Untested, catalogue
from flatline.causes.case import Case
from flatline.observe import events as e
from flatline.observe.registry import Registry
from flatline.observe.sequences import Sequences
from flatline.observe.session import Session
from flatline.record.recording import Recording

X = torch.randn(8, 5, 3)


@contextmanager
def called(module: nn.Module, *inputs: torch.Tensor, model: torch.Tensor) -> Iterator[list[e.SequenceLayer]]:
    records: list[e.Event] = []
    session = Session(records.extend)
    probe = Sequences(session, Registry(session))
    probe.called(module, inputs, {})
    probe.ended(0, [model], True)
    session.flush(force=True)
    yield [r for r in records if isinstance(r, e.SequenceLayer)]


@pytest.mark.parametrize(
    ("turn", "first", "owners"),
    [
        (lambda x: x, False, list(range(8))),
        (lambda x: x, True, [4] * 5),
        (lambda x: x.transpose(0, 1), False, [4] * 5),
        (lambda x: x.transpose(0, 1), True, list(range(8))),
        (lambda x: x.view(5, 8, 3), False, [0, 2, 4, 5, 7]),
        (lambda x: x.view(4, 10, 3), True, [4] * 5 + [5] * 5),
        (lambda x: x.clone(), True, []),
    ],
    ids=["samples first", "as it wants", "turned", "turned in vain", "torn", "torn, batch_first", "a copy"],
)
def test_the_samples_of_a_sequence_follow_from_strides(
    turn: Callable[[torch.Tensor], torch.Tensor], first: bool, owners: list[int]
) -> None:
    with called(nn.LSTM(3, 4, batch_first=first), turn(X), model=X) as seen:
        assert [(layer.axis, layer.given, layer.owners) for layer in seen] == [(int(first), [8, 5, 3], owners)]


def test_a_batch_that_was_turned_before_the_model_is_known_by_what_it_is_a_view_of() -> None:
    with called(nn.GRU(3, 4), turned := X.transpose(0, 1), model=turned) as seen:
        assert (seen[0].given, seen[0].owners) == ([8, 5, 3], [4] * 5)
    with called(nn.GRU(3, 4), window := torch.randn(90, 2, 3)[10:18], model=window) as seen:
        assert (seen[0].given, seen[0].owners) == ([8, 2, 3], list(range(8)))


def test_attention_runs_along_its_keys_and_packed_sequences_are_left_alone() -> None:
    with called(nn.MultiheadAttention(3, 1), torch.randn(2, 5, 3), X, X, model=X) as seen:
        assert [(layer.kind, layer.shape) for layer in seen] == [("MultiheadAttention", [8, 5, 3])]
    packed = nn.utils.rnn.pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    with called(nn.LSTM(3, 4), packed, model=X) as seen:  # type: ignore[arg-type]
        assert seen == []


def test_what_a_call_that_failed_has_left_is_not_taken_for_the_next_one() -> None:
    records: list[e.Event] = []
    session = Session(records.extend)
    probe = Sequences(session, Registry(session))
    probe.called(nn.LSTM(3, 4), (X,), {})
    probe.began()
    probe.ended(0, [X], True)
    session.flush(force=True)
    assert not any(isinstance(r, e.SequenceLayer) for r in records)


# what is made of it ----------------------------------------------------------------------------------------------


def layer(given: list[int], shape: list[int], axis: int = 0, owners: list[int] | None = None) -> e.SequenceLayer:
    return e.SequenceLayer(1, 0, 0, "LSTM", axis, shape, given, owners or [], None)


def decided(*records: e.Event, shuffle: bool = True, batch: int = 8, stuck: bool = False) -> Decision | None:
    loader = e.LoaderSeen(0, None, 10, batch, False, shuffle, 80)
    case = Case(Recording([e.RunStarted(["train.py"], "", {}, 0.0), loader, *records]), [])
    case.__dict__["stuck"] = stuck
    decision = catalogue()["samples-mixed"].decide(case)
    assert not isinstance(decision, list)
    return decision


def test_a_layer_along_samples_that_came_together_by_chance_mixes_them() -> None:
    for seen in (layer([8, 5, 3], [8, 5, 3], owners=list(range(8))), layer([8, 5], [8, 5, 16])):
        found = decided(seen)
        assert isinstance(found, Found) and found.level is Level.LIKELY


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([layer([8, 5], [5, 8, 16])], RuledOut),
        ([layer([8, 5, 3], [5, 8, 3], owners=[4] * 5)], RuledOut),
        ([layer([8, 8], [8, 8, 16])], type(None)),  # which of the two counts samples?
        ([layer([8, 5, 3], [8, 1, 15], owners=list(range(8)))], type(None)),  # one sequence of all rows
        ([layer([8, 3, 9, 9], [8, 16, 4])], type(None)),  # eight frames of a film, two of each sample's places
        ([layer([8, 5], [8, 5, 16]), layer([8, 5], [8, 5, 16], axis=1), layer([8, 5], [5, 8, 16])], Expected),
        ([layer([5, 8, 3], [5, 8, 3], owners=list(range(5)))], RuledOut),  # a copy with time first
    ],
)
def test_what_may_be_meant_is_not_called_a_mixture(seen: list[e.Event], expected: type) -> None:
    assert isinstance(decided(*seen), expected)


def test_without_a_random_order_it_may_be_one_sequence_on_purpose() -> None:
    seen = layer([8, 5, 3], [8, 5, 3], owners=list(range(8)))
    assert isinstance(decided(seen, shuffle=False), Untested)
    found = decided(seen, shuffle=False, stuck=True)
    assert isinstance(found, Found) and found.level is Level.POSSIBLE


def test_attention_over_samples_beside_convolutions_may_be_meant_where_it_trains() -> None:
    model = e.ModelSeen(1, 0, "Net", None, [("conv", "Conv2d", None), ("attend", "MultiheadAttention", None)], [])
    for stuck, level in ((False, Level.POSSIBLE), (True, Level.LIKELY)):
        found = decided(model, layer([8, 3, 9, 9], [8, 5, 16]), stuck=stuck)
        assert isinstance(found, Found) and found.level is level


def rows(order: np.ndarray, table: np.ndarray, number: int) -> list[e.Event]:
    x = table[order]
    facts = e.TensorFacts(list(x.shape), "float32")
    sample = e.Sample(number, 0, "input", "input 0", "float32", list(x.shape), x.tobytes())
    return [sample, e.Forward(number, 0, 0, True, True, None, [facts], [], [])]


def test_rows_that_come_again_beside_others_are_no_sequence() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 5, 3)).astype(np.float32)
    seen = layer([8, 5, 3], [8, 5, 3], owners=list(range(8)))
    mixed = [r for n in range(20) for r in rows(rng.permutation(40)[:8], table, n)]
    windows = [r for n in range(20) for r in rows(rng.integers(0, 32) + np.arange(8), table, n)]
    found = decided(seen, *mixed, shuffle=False)
    assert isinstance(found, Found) and found.level is Level.LIKELY
    assert isinstance(decided(seen, *windows, shuffle=False), Untested)
