"""Who hears how a fit goes: scikit-learn's callbacks where it has them, plain functions, lines, a bar."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pellucid.training.callbacks import Callback, Progress
from pellucid.training.history import EpochRecord

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Leave the method as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "EpochLines",
    "SklearnCallbacks",
    "Warnings",
    "progress_bar",
    "warn",
    "with_callbacks",
]


def warn(sentence: str, category: type[Warning] = UserWarning) -> None:
    """Warn where the user's own code stands: above all of ours, and of scikit-learn's and SciPy's that is around it."""
    frame, level = sys._getframe(), 1
    rooms = ("pellucid", "sklearn", "scipy")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in rooms:
        frame, level = frame.f_back, level + 1
    warnings.warn(sentence, category, stacklevel=level)


class Warnings(Callback):
    """Warn of what looks wrong."""

    def on_notice(self, sentence: str) -> None:
        """Warn with the sentence as it is."""
        warn(sentence)


class EpochLines(Callback):
    """Print scikit-learn's lines, one or two an epoch."""

    def __init__(self, *, scores: bool) -> None:
        self._scores = scores

    def on_epoch(self, record: EpochRecord) -> None:
        """Print the loss, and the score where one is watched."""
        print(f"Iteration {record.epoch}, loss = {record.loss:.8f}")
        if self._scores and record.validation_score is not None:
            print(f"Validation score: {record.validation_score:f}")


class SklearnCallbacks(Callback):
    """Tell scikit-learn's callbacks of the fit and of each epoch, a subtask each.

    An epoch is told of as soon as there is progress in it: whether another one comes is not known before. On a
    scikit-learn without callbacks, or with none set, nothing happens.
    """

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        self._estimator, self._data = estimator, {"X": X, "y": y}
        self._root = getattr(estimator, "_callback_fit_ctx", None)
        self._epoch: Any = None

    def _reconstruction(self) -> dict[str, Any]:
        """Give what makes the estimator usable as it stands."""
        return {"coefs_": list(self._estimator.coefs_), "intercepts_": list(self._estimator.intercepts_)}

    def begin(self) -> None:
        """Tell of the beginning of the fit."""
        if self._root is not None:
            self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_progress(self, progress: Progress) -> None:
        """Tell of an epoch that has begun."""
        self.begin_epoch()

    def on_epoch(self, record: EpochRecord) -> bool:
        """Tell of an epoch's end."""
        return self.end_epoch()

    def begin_epoch(self) -> None:
        """Tell of an epoch's beginning, once."""
        if self._root is not None and self._epoch is None:
            self._epoch = self._root.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end_epoch(self) -> bool:
        """Tell of an epoch's end; say whether a callback wants to stop."""
        if self._root is None:
            return False
        self.begin_epoch()
        wants_to_stop = self._epoch.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=self._reconstruction()
        )
        self._epoch = None
        return bool(wants_to_stop)

    def end(self) -> None:
        """Tell of the end of the fit."""
        if self._root is not None:
            self._root.call_on_fit_task_end(
                estimator=self._estimator, **self._data, reconstruction_attributes=self._reconstruction()
            )


@contextmanager
def progress_bar(epochs: int, *, shown: bool, of: str = "epochs") -> Iterator[Callable[[EpochRecord], None]]:
    """Show a bar that advances an epoch at a time."""
    if not shown:
        yield lambda record: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(of, total=epochs)
        yield lambda record: bar.update(task, completed=record.epoch, description=f"loss {record.loss:.4f}")
