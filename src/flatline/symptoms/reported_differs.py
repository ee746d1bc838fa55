"""The printed loss is not the loss that is optimised."""

from __future__ import annotations

from flatline.record.matching import match
from flatline.record.printed import printed_losses
from flatline.record.quoting import quoted
from flatline.record.recording import Recording
from flatline.symptoms.base import Symptom

NAME = "reported-differs"


def detect(recording: Recording) -> list[Symptom]:
    for printed in printed_losses(recording):
        found = match(printed, recording)
        if found.agrees is False:
            number = printed.numbers[-1]
            true = next((t for t in reversed(found.true) if t == t), float("nan"))
            text = f"the program prints {quoted(recording, number)}; the loss it computed there is {true:.4g}"
            if found.factor == "non-finite":
                text = f"the program prints {quoted(recording, number)} where the loss is NaN or infinite: it shows {found.quantity}"
            return [Symptom(NAME, printed.numbers[0].step, number.value, text)]
    return []
