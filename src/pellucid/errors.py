"""Every error that Pellucid raises on purpose, in one tree.

::

    PellucidError
    ├── InputError (ValueError)        wrong use or bad input
    │   ├── ShapeError                 arrays that do not fit each other
    │   ├── SettingError               a setting out of range, an unknown name
    │   ├── DataError                  a data file that is spoiled or cannot be understood
    │   │   └── DataUnavailableError   data that is neither here nor to be had
    │   ├── ModelFileError             a file that is no model, or a spoiled one
    │   ├── RunFolderError             a run folder that is in use, or holds another run
    │   └── MissingExtraError (ImportError)  a feature whose optional package is not installed
    ├── TrainingError                  the work itself failed
    │   ├── DivergedError              the loss became infinite or NaN
    │   ├── NothingLearnedError        finite, but no better than guessing, or a layer is dead
    │   └── TargetNotReachedError      ``--until`` was not reached
    └── StorageError (OSError)         the disk is full, the folder may not be written

A message has up to three parts: what was *got*, what was *expected*, what to *try*:

>>> print(ShapeError("W has shape (128, 784) but the batch has 785 columns", "784",
...                  "Is the label column still in X?"))
W has shape (128, 784) but the batch has 785 columns; expected 784. Is the label column still in X?
"""

from __future__ import annotations


class PellucidError(Exception):
    """The root: ``except PellucidError`` catches whatever Pellucid raises on purpose."""

    kind = "error"

    def __init__(self, got: str, expected: str = "", advice: str = "") -> None:
        Exception.__init__(self, got, expected, advice)  # not OSError's, which takes them for errno and file name
        self.got, self.expected, self.advice = got, expected, advice

    def __str__(self) -> str:
        sentence = self.got + (f"; expected {self.expected}" if self.expected else "")
        if not sentence.endswith((".", "?", "!")):
            sentence += "."
        return f"{sentence} {self.advice}".rstrip()


class InputError(PellucidError, ValueError):
    """Wrong use or bad input."""

    kind = "input"


class ShapeError(InputError):
    """Arrays that do not fit each other."""

    kind = "shape"


class SettingError(InputError):
    """A setting out of its range, or a name that is not known."""

    kind = "setting"


class DataError(InputError):
    """A data file that is spoiled or cannot be understood."""

    kind = "data"


class DataUnavailableError(DataError):
    """Data that is neither on this machine nor to be had from outside."""

    kind = "data-unavailable"


class ModelFileError(InputError):
    """A file that is no model, or a model that is spoiled."""

    kind = "model-file"


class RunFolderError(InputError):
    """A run folder that another process holds, or that holds another run."""

    kind = "run-folder"


class MissingExtraError(InputError, ImportError):
    """A feature whose optional package is not installed."""

    kind = "missing-extra"

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed",
            advice=f'Try: pip install "pellucid[{extra}]"',
        )
        self._arguments = (what, package, extra)

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), self._arguments


class TrainingError(PellucidError):
    """The work itself failed, though what was asked made sense."""

    kind = "training"


class DivergedError(TrainingError):
    """The loss became infinite or NaN."""

    kind = "diverged"


class NothingLearnedError(TrainingError):
    """The loss stayed finite, but the network is no better than guessing, or a layer is dead."""

    kind = "nothing-learned"


class TargetNotReachedError(TrainingError):
    """The accuracy that was asked for was not reached in the epochs allowed."""

    kind = "target-not-reached"


class StorageError(PellucidError, OSError):
    """The disk is full, or a folder may not be written."""

    kind = "storage"
