"""What bench/overhead.py trains: a model, a batch and the answers to it, made anew by each function from torch's seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class Task(NamedTuple):
    model: nn.Module
    x: torch.Tensor
    y: torch.Tensor

    def to(self, device: str) -> Task:
        return Task(self.model.to(device), self.x.to(device), self.y.to(device))


Make = Callable[[], Task]


def tiny_mlp() -> Task:
    """A 2-layer MLP, 64-64-10, batch 16, Adam: about the cheapest step that is a training."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return Task(model, torch.randn(16, 64), torch.randint(0, 10, (16,)))


def mlp() -> Task:
    """A 3-layer MLP, 64-256-256-10, batch 64, Adam."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return Task(model, torch.randn(64, 64), torch.randint(0, 10, (64,)))


def small_mlp() -> Task:
    """The same on batches of 16: most of a step is then the time of Python and of torch's own calls."""
    task = mlp()
    return Task(task.model, task.x[:16], task.y[:16])


def cnn() -> Task:
    """A CNN on 3x32x32 images, three convolutions, batch 32, Adam."""
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 64, 10),
    )  # fmt: skip
    return Task(model, torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,)))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 4)
        self.head = nn.Linear(128, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(self.embed(tokens)))
        return logits.transpose(1, 2)  # [batch, time, vocabulary] -> [batch, vocabulary, time]


def transformer() -> Task:
    """A 4-layer transformer, width 128, 64 tokens, batch 16, Adam."""
    tokens = torch.randint(0, 256, (16, 64))
    return Task(_Transformer(), tokens, tokens.roll(-1, 1))


class _GPT(nn.Module):
    """GPT-2 small: 12 layers, width 768, 12 heads; the embedding is the head. https://github.com/openai/gpt-2"""

    def __init__(self, vocabulary: int = 50257, time: int = 1024, width: int = 768) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(time, width)
        block = nn.TransformerEncoderLayer(width, 12, 4 * width, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 12, nn.LayerNorm(width), enable_nested_tensor=False)
        for embedding in (self.token, self.place):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        time = tokens.shape[1]
        later = torch.ones(time, time, dtype=torch.bool, device=tokens.device).triu(1)
        x = self.token(tokens) + self.place.weight[:time]
        logits = F.linear(self.blocks(x, mask=later, is_causal=True), self.token.weight)
        return logits.transpose(1, 2)


def gpt() -> Task:
    """A GPT of 124M parameters, 1024 tokens, batch 8, Adam."""
    tokens = torch.randint(0, 50257, (8, 1024))
    return Task(_GPT(), tokens, tokens.roll(-1, 1))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width),
        )  # fmt: skip
        self.past: nn.Module = nn.Identity()
        if channels != 4 * width or stride != 1:
            self.past = nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.body(x) + self.past(x))


def resnet50() -> Task:
    """ResNet-50 (https://arxiv.org/abs/1512.03385, table 1) on 3x224x224 images, batch 64, Adam."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    channels = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            layers.append(_Bottleneck(channels, width, 2 if block == 0 and width > 64 else 1))
            channels = 4 * width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
    return Task(model, torch.randn(64, 3, 224, 224), torch.randint(0, 1000, (64,)))


MODELS: tuple[Make, ...] = (tiny_mlp, small_mlp, mlp, cnn, transformer)
# For a GPU: on a processor a step of these takes minutes.
LARGE: tuple[Make, ...] = (gpt, resnet50)
