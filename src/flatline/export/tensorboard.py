"""TensorBoard: an event file with the curves as scalars, the verdict and the events as text."""

from __future__ import annotations

from pathlib import Path

from flatline.export.content import Content

DEFAULT = "runs"
PACKAGE = "tensorboard"


def export(made: Content, into: Path) -> str:
    """Writes a run of its own into the log directory ``into``, beside a person's own runs; how to look at it.

    Raises:
        ModuleNotFoundError: tensorboard is not installed.
        OSError: the folder cannot be written.
    """
    from torch.utils.tensorboard import SummaryWriter

    folder = into / f"flatline-{made.run}"
    with SummaryWriter(str(folder)) as writer:
        for curve in made.curves:
            for step, value in zip(curve.steps, curve.values):
                writer.add_scalar(curve.name, value, step)
        writer.add_text("flatline/verdict", made.markdown)
        for event in made.events:
            # Indented by four it is shown as it is: Markdown takes no effect.
            writer.add_text(f"flatline/{event.kind}", f"    {event.text}", event.step)
    return f"{folder}; look at it: tensorboard --logdir {into}"
