"""The bench of overhead: its models are what it says, and its runs count what was done in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import overhead
from overhead_models import LARGE, MODELS, Make, gpt, resnet50, tiny_mlp
from overhead_peers import Flatline, Tool


@pytest.mark.parametrize(("make", "parameters"), [(gpt, 124_439_808), (resnet50, 25_557_032)])
def test_the_large_models_have_the_parameters_of_their_papers_and_code(make: Make, parameters: int) -> None:
    # GPT-2 small, as transformers' GPT2LMHeadModel counts it; ResNet-50, as torchvision does.
    with torch.device("meta"):
        model = make().model
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize("make", [*MODELS, *LARGE])
def test_each_model_gives_logits_for_its_answers(make: Make) -> None:
    with torch.device("meta"):
        task = make()
        logits = task.model(task.x)
        assert torch.nn.functional.cross_entropy(logits, task.y).shape == ()
    assert logits.shape[:1] + logits.shape[2:] == task.y.shape


def test_turns_take_time_and_flatline_says_what_it_cost() -> None:
    for kind in (Tool, Flatline):
        with overhead.Run(tiny_mlp, kind) as run:
            seconds, _ = run.turn(5)
            assert seconds > 0
            _, own = run.turn(0)
        assert own is None if kind is Tool else own is not None and own > 1
