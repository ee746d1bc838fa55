"""The loss as the program prints it: numbers beside the word loss, read from its output."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from flatline.observe.events import Printed
from flatline.record.recording import Recording

_NUMBER = r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)\b"
# A word that holds "loss" (train_loss, Loss_D, 'lossG') or a usual name of one, then at most a few characters
# that are neither letters nor digits, then the number.
_LABELLED = re.compile(
    rf"(?P<label>[A-Za-z_][\w./ -]*?(?:loss|cost|nll|mse|bce|objective|error)[\w./-]*(?:\s*\([^)]*\))?|"
    rf"loss[\w./-]*|nll|mse|bce|cost)"
    rf"[\s:=\]\)\"'|]{{1,6}}(?:is\s+|of\s+)?(?:tensor\()?(?P<number>{_NUMBER})",
    re.IGNORECASE,
)
# The sequences that colour a terminal's text.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ANY_NUMBER = re.compile(_NUMBER, re.IGNORECASE)
# Whole words: the critic's `value_loss` and the `latest loss` are training losses.
_EVALUATION = re.compile(
    r"(?<![a-z])(?:val|valid(?:ation)?|test(?:ing)?|dev|eval(?:uation)?|hold[-_ ]?out)(?:loss)?(?![a-z])", re.IGNORECASE
)


@dataclass
class Number:
    """A printed number. ``resolution`` is half a unit of its last printed digit: the rounding error it may hold.

    ``text`` is the whole line; reports quote it by :func:`flatline.record.quoting.quoted`.
    """

    tick: int
    step: int
    value: float
    resolution: float
    text: str
    exhausted: list[str] = field(default_factory=list)
    # The name that the line gives it, empty where only the source names it; and the number as it was written.
    label: str = ""
    written: str = ""


@dataclass
class PrintedLoss:
    """All numbers that one line of the program printed with one label."""

    place: int | None
    label: str
    numbers: list[Number]

    @property
    def evaluation(self) -> bool:
        return bool(_EVALUATION.search(self.label))


def printed_losses(recording: Recording) -> list[PrintedLoss]:
    """The printed losses, a series for each line and label, in the order of first appearance."""
    series: dict[tuple[int | None, str], PrintedLoss] = {}
    heads: dict[str, list[str]] = {}
    for line in recording.all(Printed):
        cells = _COLOUR.sub("", line.text).split()
        if not any(c.isdigit() for c in "".join(cells)) and sum(map(str.isidentifier, cells)) > 1:
            heads[line.stream] = cells
        for label, text in _numbers(recording, line) or _row(heads.get(line.stream, []), cells):
            key = (line.place, label)
            if key not in series:
                series[key] = PrintedLoss(line.place, label, [])
            series[key].numbers.append(
                Number(
                    line.tick,
                    line.step,
                    float(text),
                    resolution(text),
                    line.text.strip(),
                    line.exhausted,
                    label if label.lower() in line.text.lower() else "",
                    text,
                )
            )
    return list(series.values())


def resolution(text: str) -> float:
    """Half a unit in the last place of a printed number.

    >>> resolution("0.0000"), resolution("12"), resolution("1.5e-03")
    (5e-05, 0.5, 5e-05)
    """
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    if not mantissa or (not mantissa[0].isdigit() and mantissa[0] != "."):
        return 0.0
    decimals = len(mantissa.partition(".")[2])
    return float(f"5e{int(exponent or 0) - decimals - 1}")


def _numbers(recording: Recording, line: Printed) -> list[tuple[str, str]]:
    found = [
        (re.sub(r"\s+", " ", match["label"].split("|")[-1]).strip().lower(), match["number"])
        for match in _LABELLED.finditer(_COLOUR.sub("", line.text))
        if not re.search(r"no loss|lossless|gloss", match["label"], re.IGNORECASE)
    ]
    if found:
        return [(_last_words(label), number) for label, number in found]
    # `print(epoch, epoch_loss)` has no label: the names of what is printed stand in the source.
    names = _printed_names(recording, line.place)
    numbers = _ANY_NUMBER.findall(line.text)
    if names and len(names) == len(numbers):
        return [(name, number) for name, number in zip(names, numbers) if "loss" in name.lower()]
    return []


def _row(head: list[str], cells: list[str]) -> list[tuple[str, str]]:
    """The losses in a row of a table whose head names the columns, as skorch and fastai print them.

    >>> _row(["epoch", "train_loss", "dur"], ["1", "0.693", "0.01"])
    [('train_loss', '0.693')]
    """
    # The last columns may be empty; before them each cell is a number, which the words of a sentence are not.
    columns = [(name.lower(), cell) for name, cell in zip(head, cells)]
    losses = [index for index, (name, _) in enumerate(columns) if "loss" in name]
    if not losses or not all(_ANY_NUMBER.fullmatch(cell) for _, cell in columns[: losses[-1] + 1]):
        return []
    return [columns[index] for index in losses]


def _last_words(label: str) -> str:
    """Drops what stands before the label proper: ``epoch 3 train loss`` is ``train loss``."""
    words = [w for w in re.split(r"[\s]+", label) if w]
    kept: list[str] = []
    for word in reversed(words):
        if any(c.isdigit() for c in word.strip("-")) and kept:
            break
        kept.append(word)
        if len(kept) == 3:
            break
    return " ".join(reversed(kept)).strip(" -.:/")


def _printed_names(recording: Recording, place: int | None) -> list[str]:
    line = recording.line(place)
    if line is None:
        return []
    try:
        tree = ast.parse(recording.sources.get(line.file, ""))
    except SyntaxError:
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno):
            if isinstance(node.func, ast.Name) and node.func.id == "print":
                return [ast.unparse(a) for a in node.args if not isinstance(a, (ast.Constant, ast.JoinedStr))]
    return []
