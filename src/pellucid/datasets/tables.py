"""Tables, from CSV or Parquet files or pandas frames: the only file that knows pandas.

Which columns there are, and which words a column may hold, is learned once and stored with the model; every later table is
read by it.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.answers import Classes
from pellucid.datasets.assembling import Part, assemble
from pellucid.datasets.columns import (
    Table,
    check_numbers,
    encode,
    feature_names,
    learn_columns,
    refuse_missing_columns,
    refuse_stray_words,
)
from pellucid.datasets.dataset import Column, Dataset
from pellucid.datasets.labels import Labels, indices_of, tidy
from pellucid.datasets.wording import did_you_mean, listed, unreadable
from pellucid.equations.parameters import Indices
from pellucid.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

USUAL_LABELS = ("label", "class", "target", "y")
SUFFIXES = (".csv", ".parquet")
SPELLINGS = {"TRUE": "True", "true": "True", "FALSE": "False", "false": "False"}
"""How else pandas finds truth values spelled in a CSV file: R and Excel write TRUE."""

MISSING_ADVICE = "Fill it in, or leave the row out. (Empty cells, NA, N/A, NaN, None and null count as missing.)"


def load_table(path: Path, label: str | None = None) -> Dataset:
    """Load a CSV or Parquet file; a seeded fifth of its rows becomes the test part.

    ``label`` names the column of the labels; not given, it is the one column called label, class, target or y. The other
    columns are the inputs, X (n, d) of float64: numbers as they are, to be standardised with the training part's mean and
    standard deviation, truth values as 0 and 1, each word of a column of words an input of its own.

    Raises ``DataError`` for a file that cannot be read as a table, for missing and infinite values, dates and the like, and
    for words that look like identifiers, with the column and the row: row 1 is the first below the header. Raises
    ``MissingExtraError`` without pandas.
    """
    return _load([path], label, path.stem, f"the table {path}")


def load_table_folder(folder: Path, label: str | None = None) -> Dataset:
    """Load ``train.csv`` and ``test.csv``, or the two as ``.parquet``, from a folder; else as ``load_table``."""
    paths = [table_in(folder, "train"), table_in(folder, "test")]
    found = [path for path in paths if path is not None]
    if len(found) < 2:
        raise DataError(
            f"{folder} holds {listed(path.name for path in found)}, but not both a training and a test table",
            "train.csv and test.csv",
            "Name the file itself to have a fifth of it held out.",
        )
    return _load(found, label, folder.resolve().name, f"the tables in {folder}")


def table_in(folder: Path, stem: str) -> Path | None:
    """Find ``stem``.csv or ``stem``.parquet in ``folder``, or None."""
    return next((folder / f"{stem}{suffix}" for suffix in SUFFIXES if (folder / f"{stem}{suffix}").is_file()), None)


def encode_table(
    table: pd.DataFrame | str | PathLike[str], columns: Sequence[Column], label: str | None = None
) -> tuple[NDArray[np.float64], Labels | None]:
    """Turn a new table into the inputs of a model that was trained on ``columns``.

    Returns X (n, d), and the column ``label`` as it was found, or None. Other columns are ignored. Raises ``DataError`` for
    missing columns and for words that the training never saw, and as ``load_table`` does.
    """
    frame, where = open_table(table, [column.name for column in columns if column.categories is not None])
    labels = None if label is None else labels_in(frame, label_column(frame, label, where), where)
    return _encode(frame, where, columns), labels


def read_labelled(
    table: pd.DataFrame | str | PathLike[str],
    columns: Sequence[Column],
    classes: Classes,
    label: str | None = None,
    learned_label: str | None = None,
) -> tuple[NDArray[np.float64], Indices]:
    """Read a whole table to hold a model against: X (n, d), and y (n,), indices into ``classes``.

    ``label`` not given, it is the column ``learned_label`` where there is one, else found as by ``load_table``. Raises
    ``DataError`` for labels that are none of ``classes``, and as ``encode_table`` does.
    """
    inputs = {column.name: column.categories is not None for column in columns}
    words = [name for name, of_words in inputs.items() if of_words]
    candidates = (
        [name for name in (learned_label, *USUAL_LABELS) if name and name not in inputs] if label is None else [label]
    )
    # Where the model's classes are words the labels are read as words: "01" must not become 1.
    frame, where = open_table(table, [*words, *candidates] if isinstance(classes[0], str) else words)
    if label is None and learned_label in frame.columns:
        label = learned_label
    label = label_column(frame, label, where, candidates)
    X, labels = _encode(frame, where, columns), labels_in(frame, label, where)
    if tuple(classes) == ("False", "True"):
        # They may have been truth values when they were learned: these are the same however they are spelled.
        labels = np.array([SPELLINGS.get(each, each) for each in labels.tolist()])
    return X, indices_of(labels, classes, f"column {label!r} of {where}")


def _load(paths: Sequence[Path], label: str | None, name: str, source: str) -> Dataset:
    frames = [open_table(path, [])[0] for path in paths]
    label = label_column(frames[0], label, str(paths[0]))
    for frame, path in zip(frames, paths, strict=True):
        label_column(frame, label, str(path))
    tables = [plain_table(frame.drop(columns=label), str(path)) for frame, path in zip(frames, paths, strict=True)]
    for table in tables:
        refuse_stray_words(table)
    columns = learn_columns(tables)
    names = feature_names(columns)
    parts = [
        Part(
            encode(table, columns),
            labels_in(frame, label, table.where),
            table.where,
            f"column {label!r} of {table.where}",
        )
        for frame, table in zip(frames, tables, strict=True)
    ]
    return assemble(
        name,
        parts[0],
        parts[1] if len(parts) > 1 else None,
        input_shape=(len(names),),
        source=source,
        columns=columns,
        feature_names=names,
    )


def _encode(frame: pd.DataFrame, where: str, columns: Sequence[Column]) -> NDArray[np.float64]:
    refuse_missing_columns(list(frame.columns), columns, where)
    return encode(plain_table(frame[[column.name for column in columns]], where), columns)


def label_column(frame: pd.DataFrame, label: str | None, where: str, candidates: Sequence[str] = USUAL_LABELS) -> str:
    """Find the column of the labels: ``label``, or the only usual one. Raises ``DataError`` where there is none."""
    names = list(frame.columns)
    if label is not None:
        if label in names:
            return label
        raise DataError(
            f"{where} has no column {label!r}", f"one of its columns {listed(names)}", did_you_mean(label, names)
        )
    usual = [name for name in candidates if name in names]
    if len(usual) == 1:
        return usual[0]
    advice = "Name the column of the labels with --label."
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        advice = "Its columns seem to be separated by something else than commas."
    what = f"several columns that could be the label, {listed(usual)}" if usual else f"the columns {listed(names)}"
    raise DataError(f"{where} has {what}", f"exactly one called {listed(USUAL_LABELS)}", advice)


def labels_in(frame: pd.DataFrame, label: str, where: str, first_row: int = 0) -> Labels:
    """Read the labels. Raises ``DataError`` where one is missing or no label; rows are counted on from ``first_row``."""
    where = f"column {label!r} of {where}"
    series = frame[label]
    _refuse_missing(series, where, first_row)
    values = series.to_numpy()
    if values.dtype.kind == "b":
        values = values.astype(str)  # the classes False and True keep their names
    if values.dtype.kind == "O" and all(isinstance(value, bool | int | np.integer) for value in values):
        values = np.array([int(value) for value in values])
    return tidy(values, where, first_row)


def plain_table(frame: pd.DataFrame, where: str, first_row: int = 0) -> Table:
    """Leave pandas behind: numbers and truth values become float64, words become objects that are str."""
    columns = {name: _plain_column(frame[name], f"column {name!r} of {where}", first_row) for name in frame.columns}
    return Table(where, columns, first_row)


def _plain_column(series: pd.Series[Any], where: str, first_row: int) -> NDArray[Any]:
    from pandas import CategoricalDtype
    from pandas.api import types

    _refuse_missing(series, where, first_row)
    dtype = series.dtype
    if isinstance(dtype, CategoricalDtype):
        return np.array([str(value) for value in series], object)
    if types.is_bool_dtype(dtype) or (types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)):
        return check_numbers(series.to_numpy(np.float64), where, first_row)
    values = series.to_numpy(object)
    kinds = sorted({type(value).__name__ for value in values})
    if kinds == ["str"]:
        return values
    if kinds == ["bool"]:
        return values.astype(np.float64)
    found = f"values of the types {listed(kinds)}" if types.is_object_dtype(dtype) else f"the type {dtype}"
    raise DataError(
        f"{where} has {found}", "numbers, words or truth values", "Turn it into numbers, or leave the column out."
    )


def _refuse_missing(series: pd.Series[Any], where: str, first_row: int) -> None:
    missing = series.isna().to_numpy()
    if missing.any():
        raise DataError(f"{where} has no value in row {first_row + missing.argmax() + 1}", advice=MISSING_ADVICE)


def open_table(
    table: pd.DataFrame | str | PathLike[str], words: Sequence[str], *, may_be_empty: bool = False
) -> tuple[pd.DataFrame, str]:
    """Give the frame, and what to call it. The columns ``words`` of a CSV file are read as words, not as numbers."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("Reading CSV and Parquet tables", "pandas", "tables") from error
    if isinstance(table, pd.DataFrame):
        frame, where = table.rename(columns=str), "the table"
    else:
        path, where = Path(table), str(table)
        with refusing_tables(path):
            frame = pd.read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, words)
        frame = frame.rename(columns=str)
    if len(frame) == 0 and not may_be_empty:
        raise DataError(f"{where} has no rows", "at least one below the header")
    _refuse_repeated(list(frame.columns), where)
    return frame, where


def _refuse_repeated(names: Sequence[str], where: str) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise DataError(f"{where} has several columns called {repeated[0]!r}")


def _read_csv(path: Path, words: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    options: dict[str, Any] = {"encoding": "utf-8-sig", "index_col": False, "low_memory": False}
    # The header is looked at as it stands: pandas would call a second "a" "a.1", which may be a copy of the label.
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, na_filter=False, **options)
    _check_header(header.iloc[0].tolist(), path)
    frame: pd.DataFrame = pd.read_csv(path, dtype=dict.fromkeys(words, str), **options)
    return frame


def _check_header(names: Sequence[str], path: Path) -> None:
    for position, name in enumerate(names, start=1):
        # What pandas calls a column without a name is none either, where somebody has saved it as one.
        if re.fullmatch(r"(Unnamed: \d+)?", name):
            but = f" but {name!r}" if name else ""
            raise DataError(
                f"column {position} of {path} has no name{but}",
                "a name for each column",
                "Is it an index that was saved along?",
            )
    _refuse_repeated(names, str(path))


@contextmanager
def refusing_tables(path: Path) -> Iterator[None]:
    """Turn what pandas and pyarrow raise into sentences, and pandas' warning that it lost something."""
    from pandas.errors import ParserWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)
            yield
    except DataError:
        raise
    except ImportError as error:
        raise MissingExtraError("Reading Parquet tables", "pyarrow", "tables") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start + 1} of a block)",
            "a table saved as UTF-8",
            "Save it anew as UTF-8.",
        ) from error
    except OSError as error:
        if error.errno is None:
            raise DataError(f"{path} is spoiled, or no Parquet file") from error
        raise unreadable(path, error) from error
    # ParserError, EmptyDataError and ArrowInvalid are ValueErrors; the rest is what spoiled Parquet files provoke.
    except (ValueError, KeyError, TypeError, OverflowError, NotImplementedError, MemoryError, ParserWarning) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip() or type(error).__name__
        kind = "Parquet file" if path.suffix.lower() == ".parquet" else "CSV table"
        raise DataError(f"{path} is spoiled, or no {kind} ({reason})") from error
