"""``flatline.check(model, loss, loader, optimizer)``: looks at the first step before it is taken."""

from __future__ import annotations

import copy
import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree

from flatline.checks.base import run_all
from flatline.checks.untouched import draw, holders, untouched
from flatline.observe.captured import Captured
from flatline.observe.probes.criterion import FUNCTIONS
from flatline.watching import watch

if TYPE_CHECKING:
    from flatline.verdict import Verdict

# Enough rows for statistics on single inputs; one pass forward for each.
MOST_BATCHES = 8


def check(
    model: torch.nn.Module,
    loss: Callable[..., torch.Tensor] | None,
    loader: Any,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    overfit: bool = True,
    seconds: float = 60.0,
    show: bool = True,
) -> Verdict:
    """Looks at the first step of a training without taking it, and returns the verdict.

    Args:
        model: the module that is to be trained. A model in evaluation mode is checked in training mode.
        loss: called as ``loss(model(*inputs), target)`` for batches ``(*inputs, target)``, as ``loss(model(x), x)``
            for a single tensor x, as ``loss(model(**batch), batch)`` for a dictionary. None: ``model(**batch).loss``.
        loader: gives batches: a DataLoader, a list of batches, anything that can be gone through again. Up to eight
            batches are drawn, in a pass of its own.
        optimizer: tells which parameters are to be updated; all of the model's when None.
        overfit: whether to train a copy on the first batch, to see that it can be learned.
        seconds: the time that the checks may take together.
        show: whether to print the report.

    The work is done on copies: weights, buffers, gradients, modes, the optimizer's state, the random generators and
    what the loader keeps of its passes are afterwards what they were, bit for bit.

    Raises:
        TypeError: the loader is an iterator, or the batches have a form that the loss cannot be called with.
        ValueError: the loader gives no batch, or the model cannot be copied.

    What the model or the loss raises passes through.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Softmax(0), torch.nn.Linear(8, 2))
    >>> batches = [(torch.randn(16, 4), torch.randint(0, 2, (16,)))]
    >>> verdict = check(model, torch.nn.functional.cross_entropy, batches, overfit=False, show=False)
    >>> [(c.name, c.outcome) for c in verdict.checks if c.outcome == "failed"]
    [('samples apart', 'failed')]
    """
    frame = sys._getframe(1)
    home = os.path.dirname(os.path.abspath(frame.f_code.co_filename))
    modules = [model, loss] if isinstance(loss, torch.nn.Module) else [model]
    with untouched(modules, holders(loader)):
        batches = draw(loader, MOST_BATCHES)
        twins = _copies(model, _by_name(loss), optimizer)
        recorder = watch(twins[0], twins[2], show=False)
        recorder.home = home if os.path.isdir(home) else None

        def look(captured: Captured, stopped: object) -> None:
            def run() -> None:
                for event in run_all(captured, seconds, overfit):
                    recorder.session.emit(event)

            recorder.session.guarded("checks", run)()

        recorder.before_update = look
        with recorder:
            _first_step(recorder, batches, *twins)
    if show:
        from flatline.report.terminal import show as print_report

        print_report(recorder.verdict, more="verdict.ruled_out")
    return recorder.verdict


def _by_name(loss: Any) -> Any:
    """A functional loss as its name is bound when it is called: only then is it seen."""
    if isinstance(loss, functools.partial):
        return functools.partial(_by_name(loss.func), *loss.args, **loss.keywords)
    for name in FUNCTIONS:
        if loss is getattr(torch.nn.functional, name, None):
            return lambda *args, **kwargs: getattr(torch.nn.functional, name)(*args, **kwargs)
    return loss


def _copies(model: torch.nn.Module, loss: Any, optimizer: Any) -> tuple[torch.nn.Module, Any, Any]:
    """Copies that belong together: the optimizer's parameters are those of the model."""
    try:
        twin, its_loss, its_optimizer = copy.deepcopy((model, loss, optimizer))
    except Exception as error:
        raise ValueError(
            f"the model cannot be copied, so it cannot be checked untouched ({type(error).__name__}: {error}); "
            "`flatline check PROGRAM` checks it in the program itself"
        ) from error
    if not twin.training:
        twin.train()
    for parameter in twin.parameters():
        parameter.grad = None
    return twin, its_loss, its_optimizer


def _first_step(recorder: watch, batches: list[Any], model: torch.nn.Module, loss: Any, optimizer: Any) -> None:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    probes = recorder.probes
    batches = [_pytree.tree_map(lambda leaf: _moved(leaf, device), _plain(batch)) for batch in batches]
    with torch.enable_grad():
        value = _loss(model, loss, batches[0])
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"the loss must be a tensor, not {type(value).__name__}")
        first = batches[0] if isinstance(batches[0], torch.Tensor) else _pytree.tree_leaves(batches[0])[0]
        probes.drawn(len(first) if isinstance(first, torch.Tensor) and first.dim() else 0)
        scalar = value if value.dim() == 0 else value.mean()
        scalar.backward()  # type: ignore[no-untyped-call]
        for batch in batches[1:]:
            # For the statistics of single inputs; there is no second backward.
            _loss(model, loss, batch)
    parameters = (
        [p for group in optimizer.param_groups for p in group["params"]] if optimizer else [*model.parameters()]
    )
    probes.about_to_update(optimizer, parameters)


def _loss(model: torch.nn.Module, loss: Any, batch: Any) -> Any:
    """The loss of one batch.

    Raises:
        TypeError: it is not said how to compute it.
    """
    if isinstance(batch, dict):
        output = model(**batch)
        if loss is not None:
            return loss(output, batch)
        value = output.get("loss") if isinstance(output, dict) else getattr(output, "loss", None)
        if value is None:
            raise TypeError(
                "loss is None, and what the model returns holds no loss: give a loss, or labels in the batch"
            )
        return value
    if loss is None:
        raise TypeError(f"a loss is needed for batches that are a {type(batch).__name__}; None is for dictionaries")
    if isinstance(batch, torch.Tensor):
        return loss(model(batch), batch)
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        *inputs, target = batch
        return loss(model(*inputs), target)
    if isinstance(batch, (tuple, list)) and len(batch) == 1:
        return loss(model(batch[0]), batch[0])
    raise TypeError(f"batches must be (inputs, target), a dictionary or a tensor, not {type(batch).__name__}")


def _plain(batch: Any) -> Any:
    return dict(batch) if isinstance(batch, Mapping) else batch


def _moved(leaf: Any, device: torch.device) -> Any:
    return leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf
