"""What a sequence model says at one place must not depend on later places, when these are what it is asked for."""

from __future__ import annotations

import torch

from flatline.checks.base import Step, outcome
from flatline.checks.replay import Replay, Undone
from flatline.observe.captured import LossCall
from flatline.observe.events import Checked, Visible

NAME = "future hidden"
FEWEST_POSITIONS = 4
FARTHEST = 4
# As for the copies that answer-visible counts: at most a hundredth may be edited, and a target that occurs in most
# places is a copy by accident.
SHARE = 0.99
FEWEST_TARGETS = 100


def check(step: Step) -> Checked:
    """Replaces what stands at later places of the sequence by what other rows have there, and looks at the output of
    a place in the middle. An output may see later places where these are not the targets: a tagger looks both ways.
    """
    reason = "no model takes sequences and gives an output for each place"
    for replay in step.models():
        step.in_time()
        x = replay.main
        if x.dim() not in (2, 3) or (x.dim() == 2 and x.is_floating_point()) or x.shape[1] < FEWEST_POSITIONS:
            continue
        length = x.shape[1]
        output = next((o for o in replay.base() if o.dim() == 3 and o.shape[:2] == x.shape[:2]), None)
        if output is None:
            continue
        if not replay.first_is_batch() and step.captured.batch_rows:
            reason = f"it is unclear which dimension of {tuple(x.shape)} is time"
            continue
        position = length // 2
        later = list(range(position + 1, length))
        sees = _changes(replay, later, position)
        copied = next((c for loss in step.captured.losses if (c := _copied(x, loss)) is not None), None)
        if not sees:
            return outcome(NAME, "passed", f"output {position} of {length} does not change with later places")
        near = list(range(max(position - 1, 0), min(position + FARTHEST, length - 1) + 1))
        seen = [p for p in dict.fromkeys([0, *near, length - 1]) if _changes(replay, [p], position)]
        if seen:
            step.events.append(Visible(0, 0, length, position, sorted(seen)))
        if copied is None:
            return outcome(
                NAME, "passed", "outputs see later places, and the targets are not these: a model that looks both ways"
            )
        shift, share, count = copied
        if shift == 0 or position + shift not in seen:
            return outcome(NAME, "passed", f"outputs see later places, but not the target, the one {shift} on")
        return outcome(
            NAME,
            "failed",
            f"output {position} changes with place {position + shift}, and its target is what stands there",
            position=float(position),
            length=float(length),
            shift=float(shift),
            share=share,
            targets=float(count),
            last=float(max(seen)),
        )
    raise Undone(reason)


def _changes(replay: Replay, places: list[int], position: int) -> bool:
    """Whether the output at ``position`` changes when other rows' values stand at these places."""
    place, x = next((i, x) for i, x in replay.inputs.items() if x is replay.main)
    changed = x.detach().clone()
    # The neighbour's, or where that is the same, the previous place's.
    other = x.roll(1, 0)[:, places]
    changed[:, places] = torch.where(other == x[:, places], x.roll(1, 1)[:, places], other)
    if torch.equal(changed, x):
        return False
    for a, b in zip(replay.base(), replay.run({place: changed})):
        if a.dim() == 3 and a.shape[:2] == x.shape[:2] and a.shape == b.shape:
            return bool(((a - b)[:, position].abs() > 10 * replay.noise).any())
    return False


def _copied(x: torch.Tensor, loss: LossCall) -> tuple[int, float, int] | None:
    """The shift at which the targets are the inputs, the share of which that is so, and how many were compared."""
    y = loss.target
    if y is None or y.numel() % len(x) or y.is_floating_point() != x.is_floating_point():
        return None
    wide = x.reshape(len(x), x.shape[1], -1)
    if y.numel() // len(x) % wide.shape[2]:
        return None
    targets = y.detach().reshape(len(x), -1, wide.shape[2]).to(wide.device)
    ignored = loss.arguments.get("ignore_index", -100)
    for shift in range(FARTHEST + 1):
        length = min(targets.shape[1], wide.shape[1] - shift)
        a, b = wide[:, shift : shift + length], targets[:, :length]
        valid = b != ignored if not b.is_floating_point() else torch.ones_like(b, dtype=torch.bool)
        a, b = a[valid], b[valid]
        if b.numel() < FEWEST_TARGETS:
            continue
        share = float((a == b).float().mean())
        counts = torch.unique(b, return_counts=True)[1].double()
        if share >= SHARE and float(((counts / counts.sum()) ** 2).sum()) < 0.5:
            return shift, share, b.numel()
    return None
