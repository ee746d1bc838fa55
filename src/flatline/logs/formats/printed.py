"""What a program printed: nanoGPT's lines, progress bars of tqdm, Lightning and Keras, the Trainer's dicts, and most
other lines in which a number stands beside its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flatline.logs.base import Log, Stream
from flatline.logs.roles import Role, name_of
from flatline.record.printed import resolution

TITLE = "printed losses"
# A longer line is no line of a log; only its start is read.
MOST_LINE = 4096
PIECE = 1 << 16
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\w]*[A-Za-z_])|(?<![\w.])[-+]?(?:nan|inf(?:inity)?)\b",
    re.IGNORECASE,
)
# The name before a number, and what may stand between the two.
_LABEL = re.compile(
    r"(?P<label>[A-Za-z_][\w./@-]*(?: [A-Za-z_][\w./@-]*){0,3})(?: ?\([A-Za-z]{1,12}\))?[\s:=|'\"\])]{0,6}"
    r"(?:(?:is|of|now|at) +)?(?:tensor\(|np\.float\d+\()?[\s'\"\[(]{0,3}\Z"
)
_GAP = 80
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# `tqdm` and what is drawn like it: 50%|█████     | 5/10 [00:01<00:01, …
_BAR = re.compile(r"\d+%\|[^|]*\|\s*(\d+)/(\d+)")
_KERAS = re.compile(r"^\s*(\d+)/(\d+) \S*[━=>.\-]")
_AFTER = re.compile(r"[\s:=,>\-\])'\"]*\Z")
_STEP = {"step", "iter", "iteration", "it", "steps", "global_step", "globalstep", "batch"}
_EPOCH = {"epoch", "ep", "epochs"}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COUNT = re.compile(r"/\s*\Z")


def recognises(name: str, start: bytes) -> bool:
    """Any text in which a loss is printed; asked last."""
    text = decoded(start)
    if text.count("\0") > len(text) / 100:
        return False
    return any(
        (kind := name_of(found.label)) is not None and kind.role is Role.LOSS
        for line in text.splitlines()
        for found in numbers(_ESCAPE.sub("", line[:MOST_LINE]))
    )


def read(stream: Stream, log: Log) -> None:
    state = _State(log)
    for line, drawn in lines(stream, log):
        state.line(line, drawn)
    state.flush()


def decoded(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 as PowerShell writes what is redirected."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


def lines(stream: Stream, log: Log) -> Iterator[tuple[str, bool]]:
    """Each line, and whether another one was drawn over it."""
    rest, encoding, long = "", "", False
    while data := stream.read(PIECE):
        if not encoding:
            encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
            from codecs import getincrementaldecoder

            decoder = getincrementaldecoder(encoding)("replace")
        parts = re.split(r"(\r\n|[\r\n]|\x08{4,})", rest + decoder.decode(data))
        for line, end in zip(parts[:-1:2], parts[1::2]):
            yield _ESCAPE.sub("", line[:MOST_LINE]), end not in ("\n", "\r\n")
        # A line without an end is not kept in memory beyond what is read of it.
        rest, long = parts[-1][:MOST_LINE], long or len(parts[-1]) > MOST_LINE
    if rest:
        yield _ESCAPE.sub("", rest), False
    if long:
        log.note(f"lines of more than {MOST_LINE:,} characters are read up to there")


@dataclass
class Found:
    """A number in a line, what stands before it, and of how many it is one (``3/10``), or 0."""

    label: str
    text: str
    of: int = 0

    @property
    def value(self) -> float:
        return float(self.text)


def numbers(line: str) -> list[Found]:
    """The numbers of a line with the names before them; a number without a name has the label ''.

    >>> [(f.label, f.text) for f in numbers("step 250: train loss 1.9641, val loss nan")]
    [('step', '250'), ('train loss', '1.9641'), ('val loss', 'nan')]
    >>> [(f.label, f.text, f.of) for f in numbers("Epoch [3/10], Loss: 0.25")]
    [('Epoch', '3', 10), ('Loss', '0.25', 0)]
    >>> [(f.label, f.text) for f in numbers("{'loss': '0.0', 'grad_norm': nan, 'epoch': 1.0}")]
    [('loss', '0.0'), ('grad_norm', 'nan'), ('epoch', '1.0')]
    >>> [(f.label, f.text) for f in numbers("Loss after epoch 3: 0.5")]
    [('epoch', '3'), ('Loss', '0.5')]
    """
    found: list[Found] = []
    owed, end = "", 0
    for match in _NUMBER.finditer(line):
        gap = line[max(end, match.start() - _GAP) : match.start()]
        end = match.end()
        if found and _COUNT.search(gap) and match[0].isdigit() and found[-1].text.isdigit():
            found[-1].of = int(match[0][:18])
            continue
        named = _LABEL.search(gap)
        label = " ".join(named["label"].split()) if named is not None else ""
        words = label.split(" ")
        if len(words) > 1 and words[-1].lower() in _STEP | _EPOCH and name_of(" ".join(words[:-1])) is not None:
            # `loss after epoch 3: 0.5`: the loss is the number after the next.
            owed = " ".join(word for word in words[:-1] if word.lower() not in ("after", "at", "in", "for", "on"))
            label = words[-1]
        elif not label and owed and _AFTER.match(gap):
            label, owed = owed, ""
        else:
            owed = ""
        found.append(Found(label, match[0]))
    return found


class _State:
    """What is known between the lines: the epoch, and the bar that is being drawn."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.epoch: float | None = None
        self.bar: list[tuple[str, Found]] = []
        self.bar_epoch: float | None = None
        self.drawn: dict[str, str] = {}
        self.position = 0

    def line(self, line: str, drawn_over: bool) -> None:
        keras, bar = _KERAS.match(line), _BAR.search(line)
        if not any(character.isdigit() for character in line) and "nan" not in line.lower():
            return
        if "train_runtime" in line:
            # The Trainer's last line is about the whole run.
            return
        found = numbers(line if keras is None else line[keras.end(2) :])
        for one in found:
            words = one.label.lower().split(" ")
            if words[-1] in _EPOCH:
                self._next_epoch(one.value)
        if "'learning_rate':" in line and "'loss':" in line:
            # The Trainer prints means over the steps since the line before.
            self.log.means = True
        step = next((one.value for one in found if one.label.lower().split(" ")[-1] in _STEP), None)
        losses = [(one.label, one) for one in found if name_of(one.label) is not None]
        if keras is not None:
            # Within an epoch Keras shows the mean over it so far: the last one stands.
            if int(keras[1][:18]) < self.position:
                self.flush()
            self.position = int(keras[1][:18])
            self.bar, self.bar_epoch = losses or self.bar, self.epoch
            self.log.means = True
            if keras[1] == keras[2] and not drawn_over:
                self.flush()
            return
        self.flush()
        position = int(bar[1][:18]) if bar is not None else 0
        if bar is not None:
            if position < self.position:
                self.drawn.clear()
            self.position = position
        for label, one in losses:
            # A bar is drawn more often than what stands in it changes.
            if (bar is not None or drawn_over) and self.drawn.get(label) == one.text:
                continue
            self.drawn[label] = one.text
            self._add(label, one, step, self.epoch)

    def flush(self) -> None:
        for label, one in self.bar:
            self._add(label, one, None, self.bar_epoch)
        self.bar = []

    def _next_epoch(self, value: float) -> None:
        if value != self.epoch:
            self.flush()
            self.position = 0
            self.drawn.clear()
        self.epoch = value

    def _add(self, label: str, one: Found, step: float | None, epoch: float | None) -> None:
        kind = name_of(label)
        name = label if kind is None or kind.role is not Role.LOSS else _loss_name(label)
        rounding = resolution(one.text)
        if kind is not None and kind.role is Role.LEARNING_RATE and one.text.lstrip("+-").isdigit():
            # Nobody rounds a learning rate to whole numbers: it is 0.
            rounding = 0.0
        self.log.add(name, one.value, step, epoch, rounding, counted=step is not None)


def _loss_name(label: str) -> str:
    """The label without the level of a logging line before it.

    >>> _loss_name("INFO train loss"), _loss_name("loss"), _loss_name("Generator Loss")
    ('train loss', 'loss', 'Generator Loss')
    """
    words = label.split(" ")
    while len(words) > 1 and words[0] in _LEVELS:
        words.pop(0)
    return " ".join(words)
