"""What the graph says of sequence models, Gaussian codes and masks, asked just before the program's backward."""

from __future__ import annotations

from typing import Any

import torch

from flatline.observe import measure, structure
from flatline.observe.events import Code, LossMask, Visible
from flatline.observe.patching import Looked, Patches
from flatline.observe.registry import Registry
from flatline.observe.session import Session

# One look is enough where every weight is random; an output layer may start at zero and show nothing at first.
MOST_LOOKS = 2
MOST_MASKED = 1 << 16


class StructureProbe:
    """Looks at the graph on sampled steps."""

    def __init__(self, session: Session, registry: Registry) -> None:
        self._session = session
        self._registry = registry
        self._looks = 0
        self.hooked = False
        self.look = session.guarded("structure", self._observe)

    def install(self, patches: Patches) -> None:
        hooked = self._session.spared("structure", self._hooked, None)
        patches.replace(torch.Tensor, "register_hook", lambda original: Looked(original, hooked))

    def _hooked(self, tensor: Any, frame: Any) -> None:
        """The program is told of gradients that pass: there must be none that it did not ask for."""
        self._looks = MOST_LOOKS
        self.hooked = True

    def _observe(self, tensors: Any) -> None:
        session = self._session
        loss = tensors[0] if isinstance(tensors, (tuple, list)) and tensors else tensors
        if not session.sampled or not isinstance(loss, torch.Tensor) or loss.grad_fn is None or not measure.ordinary():
            return
        code = structure.latent(loss.grad_fn)
        if code is not None:
            session.emit(Code(session.now(), session.step, *code))
        mask = structure.loss_mask(loss.grad_fn)
        if mask is not None and mask.numel() <= MOST_MASKED:
            kept = mask.detach().to("cpu", torch.uint8).reshape(-1)
            session.emit(LossMask(session.now(), session.step, list(mask.shape), bytes(kept.tolist())))
        outputs = list(self._registry.outputs)
        if self._looks < MOST_LOOKS and outputs and not session.checkpointing and not torch.is_anomaly_enabled():
            found = structure.visible_positions(loss.grad_fn, outputs)
            if found is not None:
                self._looks += 1
                tokens, position, seen = found
                session.emit(Visible(session.now(), session.step, tokens.shape[1], position, seen))
