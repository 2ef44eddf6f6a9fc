"""A training as it is watched: a line an epoch, and on a terminal a bar that moves."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pellucid.cli.output import Output, percent
from pellucid.training.callbacks import Callback, Progress
from pellucid.training.history import EpochRecord


class ProgressDisplay(Callback):
    """Shows epoch, loss, accuracy, rows a second and the time left. A context manager: it cleans up after itself."""

    def __init__(self, output: Output, epochs: int = 0, *, lines: bool = True) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._output = output
        self._lines = lines
        self._width, self._what = len(str(epochs)), "epoch"
        self._bar = Bar(
            TextColumn("{task.fields[what]} {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn(
                "loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]}  {task.fields[speed]:>9,.0f} rows/s"
            ),
            TextColumn("[dim]left[/dim]"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            console=output.console,
            transient=True,
            disable=not output.console.is_terminal,
        )
        self._task: Any = None

    def of(self, epochs: int, what: str) -> ProgressDisplay:
        """Show another training from now on, of so many epochs, under a name of its own."""
        self._width, self._what = len(str(epochs)), f"{what}, epoch"
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        return self

    def __enter__(self) -> ProgressDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def on_progress(self, progress: Progress) -> None:
        """Move the bar."""
        rows = (progress.epoch - 1) * progress.rows_of_epoch + progress.rows
        fields: dict[str, Any] = {
            "what": self._what,
            "epoch": f"{progress.epoch:>{self._width}}/{progress.epochs}",
            "loss": progress.loss,
            "accuracy": percent(progress.accuracy),
            "speed": progress.rows_per_second,
        }
        if self._task is None:
            total = progress.epochs * progress.rows_of_epoch
            self._task = self._bar.add_task("training", total=total, completed=rows, **fields)
        self._bar.update(self._task, completed=rows, **fields)

    def on_epoch(self, record: EpochRecord) -> None:
        """Print the epoch's line, unless the bar is to be all."""
        if not self._lines:
            return
        line = (
            f"epoch {record.epoch:>{self._width}}  loss {record.loss:.4f}  accuracy {percent(record.accuracy or 0.0)}"
        )
        if record.validation_loss is not None and record.validation_accuracy is not None:
            accuracy = percent(record.validation_accuracy)
            line += f"  validation loss {record.validation_loss:.4f}  accuracy [bold]{accuracy}[/bold]"
        self._output.say(f"{line}  [dim]{record.rows_per_second:,.0f} rows/s[/dim]")

    def on_notice(self, sentence: str) -> None:
        """Print the sentence."""
        self._output.warn(sentence)
