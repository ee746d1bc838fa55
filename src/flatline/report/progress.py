"""How the trials go, in the terminal: a bar that says what each one asks. Nothing where nobody watches."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from flatline.experiments.trial import Status, TrialResult


class TrialProgress:
    """Shows trials as they run, on stderr; silent when that is not a terminal.

    ``with TrialProgress() as audience: …`` takes the bar away in the end and leaves a line for each trial.
    """

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._shown = not quiet and self._console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._waiting: list[str] = []
        self._total = 0

    def __enter__(self) -> TrialProgress:
        if self._shown:
            self._progress.start()
            self._task = self._progress.add_task("planning", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._progress.stop()

    def begins(self, asks: list[str]) -> None:
        self._waiting += asks
        self._total += len(asks)
        self._draw()

    def ended(self, asks: str, result: TrialResult) -> None:
        self._waiting.remove(asks)
        if self._shown:
            how = "" if result.status is Status.FINISHED else f"  {result.status.value}: {result.message}"
            style = "dim" if result.status is Status.FINISHED else "yellow"
            self._progress.console.print(Text(f"  trial  {asks}  {result.seconds:.1f} s{how}", style=style))
        self._draw()

    def _draw(self) -> None:
        if self._task is not None:
            done = self._total - len(self._waiting)
            asked = self._waiting[0] if self._waiting else "planning"
            self._progress.update(self._task, description=asked[:60], total=self._total, completed=done)
