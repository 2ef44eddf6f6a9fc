"""Data that are read block by block are the data that are read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.datasets import load, load_within_memory, parse_size, write_idx
from pellucid.datasets.dataset import Dataset, hold_out_a_fifth
from pellucid.datasets.for_a_network import LabelledInFiles, Trained, labelled_within
from pellucid.datasets.held_out import HeldOut
from pellucid.datasets.memory import rows_of_a_window
from pellucid.datasets.streamed import StreamedDataset
from pellucid.datasets.streaming import find
from pellucid.errors import DataError, SettingError

RANDOM = np.random.default_rng(0)


def save_arrays(folder: Path, X: np.ndarray, y: np.ndarray, number: int | str = "") -> Path:
    np.save(folder / f"X{number}.npy", X)
    np.save(folder / f"y{number}.npy", y)
    return folder / f"X{number}.npy"


def table(n: int = 3000) -> pd.DataFrame:
    columns: dict[str, Any] = {f"number {each}": RANDOM.normal(each, 3, n) for each in range(3)}
    columns |= {"colour": RANDOM.choice(["red", "green", "blue"], n), "dry": RANDOM.random(n) > 0.5}
    return pd.DataFrame({**columns, "label": RANDOM.integers(0, 4, n)})


def streamed(path: Path | str, label: str | None = None, memory: int = 2**20) -> StreamedDataset:
    found = find(Path(path), label, memory)
    assert found is not None
    return found.survey(memory)


def assert_same(read: StreamedDataset, at_once: Dataset) -> None:
    again = read.in_memory()
    for name in ("X_train", "y_train", "X_test", "y_test"):
        ours, theirs = getattr(again, name), getattr(at_once, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    for name in ("classes", "input_shape", "scaling", "has_own_split", "columns", "feature_names", "name", "source"):
        assert getattr(read, name) == getattr(at_once, name), name
    assert read.fingerprint == at_once.fingerprint == again.fingerprint
    assert (read.n_train, read.n_test) == (at_once.n_train, at_once.n_test)


@given(n=st.integers(5, 2000))
def test_the_rows_that_are_held_out_are_those_of_the_shuffle(n: int) -> None:
    held = HeldOut(n)
    np.testing.assert_array_equal(np.flatnonzero(held.between(0, n)), hold_out_a_fifth(n)[1])
    assert held.between(n // 3, n).tolist() == held.between(0, n)[n // 3 :].tolist()


def test_so_they_are_where_the_keys_do_not_come_at_once() -> None:
    n = 2**18 + 12345
    np.testing.assert_array_equal(np.flatnonzero(HeldOut(n).between(0, n)), hold_out_a_fifth(n)[1])


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "f2", ">f4", "i2", "?"])
@pytest.mark.parametrize("shape", [(7,), (4, 5)])
def test_npy_gives_the_same_rows_classes_scaling_and_fingerprint(tmp_path: Path, dtype: str, shape: tuple) -> None:
    X = RANDOM.normal(80, 30, (5003, *shape)).clip(0, 255).astype(dtype)
    path = save_arrays(tmp_path, X, RANDOM.choice(["a", "b", "c"], 5003))
    read = streamed(path, "y.npy")
    assert len(read.train.rows.blocks) > 8
    assert_same(read, load(path, "y.npy"))


def test_the_spread_of_a_single_feature_differs_by_the_rounding_of_its_sums(tmp_path: Path) -> None:
    n = 9000
    X = RANDOM.normal(3, 2, (n, 1))
    path = save_arrays(tmp_path, X, RANDOM.integers(0, 2, n))
    read, at_once = streamed(path, "y.npy").scaling, load(path, "y.npy").scaling
    bound = n * np.finfo(float).eps * np.abs(X).mean() / abs(X.mean())  # of a sum of n numbers, in any order
    np.testing.assert_allclose(read.offset, at_once.offset, rtol=bound)
    np.testing.assert_allclose(read.scale, at_once.scale, rtol=bound)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_idx_gives_the_same_with_a_test_part_of_its_own_or_a_fifth(tmp_path: Path, dtype: Any) -> None:
    folder = tmp_path / "own"
    for stem, n in (("train", 4000), ("t10k", 700)):
        write_idx(folder / f"{stem}-images-idx3-ubyte", RANDOM.integers(0, 100, (n, 6, 5)).astype(dtype))
        write_idx(folder / f"{stem}-labels-idx1-ubyte", RANDOM.integers(0, 10, n).astype(np.uint8))
    assert_same(streamed(folder), load(folder))
    one = folder / "train-images-idx3-ubyte"
    assert_same(streamed(one), load(one))


def test_parquet_gives_the_same_row_group_by_row_group(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "t.parquet", row_group_size=400)
    read = streamed(tmp_path / "t.parquet")
    assert len(read.train.rows.blocks) == 8
    assert_same(read, load(tmp_path / "t.parquet"))


def test_a_folder_of_a_training_and_a_test_table_gives_the_same(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "train.parquet", row_group_size=400)
    table(500).to_parquet(tmp_path / "test.parquet")
    assert_same(streamed(tmp_path), load(tmp_path))


def test_several_files_are_one_long_one(tmp_path: Path) -> None:
    whole = table()
    shards = tmp_path / "shards"
    shards.mkdir()
    for number, begin in enumerate((0, 1300, 1301)):
        whole[begin : (1300, 1301, 3000)[number]].to_parquet(shards / f"{number}.parquet")
    whole.to_parquet(tmp_path / "whole.parquet")
    expected = load(tmp_path / "whole.parquet").fingerprint
    assert streamed(shards).fingerprint == streamed(f"{shards}/*.parquet").fingerprint == expected
    assert load(shards).name == load(f"{shards}/*.parquet").name == "shards"
    assert load(shards).fingerprint == load(f"{shards}/*.parquet").fingerprint == expected
    X, y = RANDOM.normal(0, 1, (900, 4)), RANDOM.integers(0, 3, 900)
    for number in range(3):
        save_arrays(shards, X[300 * number :][:300], y[300 * number :][:300], number)
    path = save_arrays(tmp_path, X, y)
    assert load(f"{shards}/X*.npy", f"{shards}/y*.npy").fingerprint == load(path, "y.npy").fingerprint


def test_what_other_programs_leave_in_a_folder_of_tables_is_no_table(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "part-0.parquet", row_group_size=400)
    expected = load(tmp_path / "part-0.parquet").fingerprint
    for name in ("_SUCCESS", "_metadata", ".part-0.parquet.crc"):
        (tmp_path / name).touch()
    assert load(tmp_path).fingerprint == load_within_memory(tmp_path).fingerprint == expected
    assert streamed(tmp_path).fingerprint == expected


def test_a_name_that_looks_like_a_pattern_is_a_file_where_there_is_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = RANDOM.normal(0, 1, (900, 4)), RANDOM.integers(0, 3, 900)
    path, others = save_arrays(tmp_path, X, y, "[1]"), save_arrays(tmp_path, X, y[::-1], "1")
    expected = load(save_arrays(tmp_path, X, y), "y.npy").fingerprint
    assert load(path, "y[1].npy").fingerprint == load_within_memory(path, "y[1].npy").fingerprint == expected
    monkeypatch.chdir(tmp_path)
    assert load_within_memory("X[1].npy", "y[1].npy").fingerprint == expected
    assert streamed("X[1].npy", "y[1].npy").name == "X[1]"
    path.unlink()
    assert streamed("X[1].npy", "y1.npy").fingerprint == load(others, "y1.npy").fingerprint != expected


def test_only_what_is_larger_than_half_of_the_memory_is_read_block_by_block(tmp_path: Path) -> None:
    path = save_arrays(tmp_path, RANDOM.normal(0, 1, (1000, 4)), RANDOM.integers(0, 3, 1000))
    assert isinstance(load_within_memory(path, "y.npy"), Dataset)
    assert isinstance(load_within_memory(path, "y.npy", 2 * 32_000), Dataset)
    assert isinstance(load_within_memory(path, "y.npy", 2 * 32_000 - 2), StreamedDataset)


def test_what_is_kept_as_columns_is_read_at_once_or_refused(tmp_path: Path) -> None:
    path = save_arrays(tmp_path, np.asfortranarray(RANDOM.normal(0, 1, (1000, 4))), RANDOM.integers(0, 3, 1000))
    assert isinstance(load_within_memory(path, "y.npy"), Dataset)
    with pytest.raises(DataError, match=r"holds its columns one after the other.*ascontiguousarray"):
        load_within_memory(path, "y.npy", 1000)


def test_other_kinds_are_read_at_once_or_refused(tmp_path: Path) -> None:
    table(100).to_csv(tmp_path / "t.csv", index=False)
    assert isinstance(load_within_memory(tmp_path / "t.csv", None, 2**25), Dataset)
    with pytest.raises(DataError, match=r"t\.csv has .* can only be read at once; expected at most 500 bytes, half of"):
        load_within_memory(tmp_path / "t.csv", None, 1000)


@pytest.mark.parametrize(
    ("text", "size"), [("1G", 2**30), ("1.5GiB", 3 * 2**29), (" 250 mb", 250 * 2**20), ("99999999", 99999999)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "1X", "-1G", "1M", "0", "1G2", "1025T", "9" * 400])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"--memory is .*expected a number of bytes, from 32M to 1024T"):
        parse_size(text)


# -- bad input -----------------------------------------------------------------------------------------------------------


def spoil(array: np.ndarray, row: int, value: Any) -> np.ndarray:
    array = array.copy()
    array[row] = value
    return array


X, Y = RANDOM.normal(0, 1, (4000, 20)), RANDOM.integers(0, 3, 4000)
BAD_ARRAYS: dict[str, tuple[Any, Any, str]] = {
    "labels of another length": (X, Y[:-1], r"y1\.npy has 3,999 labels, but .*X1\.npy has 4,000 examples"),
    "another width": (X[:, :9], Y, r"X1\.npy has examples of shape \(9,\), but .*X0\.npy \(20,\)"),
    "another type": (X.astype("f4"), Y, r"X1\.npy has the type float32, but .*X0\.npy float64"),
    "a missing number": (spoil(X, (3210, 4), np.nan), Y, r"X1\.npy holds nan in row 3211, column 5; expected numbers"),
    "an infinite one": (spoil(X, (3999, 0), np.inf), Y, r"X1\.npy holds inf in row 4000, column 1"),
    "a label that is no class": (X, spoil(Y.astype(float), 3500, 0.5), r"y1\.npy holds 0\.5 in row 3501.*no whole"),
    "labels of another kind": (X, Y.astype(str), r"y1\.npy holds '0', but the files before it 0"),
    "no rows": (X[:0], Y[:0], r"X1\.npy has the shape \(0, 20\)"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_a_bad_file_among_several_is_named(tmp_path: Path, case: str) -> None:
    bad_X, bad_y, message = BAD_ARRAYS[case]
    save_arrays(tmp_path, X, Y, 0)
    save_arrays(tmp_path, bad_X, bad_y, 1)
    with pytest.raises(DataError, match=message):
        streamed(tmp_path / "X*.npy", f"{tmp_path}/y*.npy")


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = save_arrays(tmp_path, X, Y)
    read = streamed(path, "y.npy")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match=r"X\.npy is spoiled"):
        streamed(path, "y.npy")
    with pytest.raises(DataError, match=r"X\.npy ends in row 39\d\d; expected 4,000 rows.*Copy or download it again"):
        read.in_memory()
    images = tmp_path / "train-images-idx3-ubyte"
    write_idx(images, np.zeros((100, 2, 2), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(100, dtype=np.uint8))
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has 415 bytes; expected 416: 100 × 2 × 2 values"):
        streamed(images)


BAD_TABLES: dict[str, tuple[Any, str]] = {
    "a missing number": (
        lambda t: t.assign(**{"number 1": t["number 1"].where(t.index != 2100)}),
        r"column 'number 1' of .*1\.parquet has no value in row 2101",
    ),
    "a missing word": (
        lambda t: t.assign(colour=t["colour"].where(t.index != 7)),
        r"column 'colour' of .*1\.parquet has no value in row 8",
    ),
    "a missing label": (
        lambda t: t.assign(label=t["label"].where(t.index != 1234)),
        r"column 'label' of .*1\.parquet has no value in row 1235",
    ),
    "an infinite number": (
        lambda t: t.assign(**{"number 2": t["number 2"].where(t.index != 5, np.inf)}),
        r"column 'number 2' of .*1\.parquet holds inf in row 6",
    ),
    "another column": (
        lambda t: t.rename(columns={"dry": "wet"}),
        r"0\.parquet and .*1\.parquet do not have the same columns: only one of them has 'dry', 'wet'",
    ),
    "numbers for words": (
        lambda t: t.assign(colour=1.0),
        r"column 'colour' holds numbers in .*1\.parquet, but words in .*0\.parquet",
    ),
    "words for numbers": (
        lambda t: t.assign(**{"number 0": "many"}),
        r"column 'number 0' of .*1\.parquet holds words; expected numbers",
    ),
    "no label": (lambda t: t.drop(columns="label"), r"1\.parquet has no column 'label'"),
    "labels of another kind": (
        lambda t: t.assign(label=t["label"].astype(str)),
        r"column 'label' of .*1\.parquet holds '0', but the files before it 0",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_among_several_is_named(tmp_path: Path, case: str) -> None:
    change, message = BAD_TABLES[case]
    table().to_parquet(tmp_path / "0.parquet", row_group_size=500)
    change(table()).to_parquet(tmp_path / "1.parquet", row_group_size=500)
    with pytest.raises(DataError, match=message):
        streamed(tmp_path)


def test_a_parquet_file_that_is_cut_short_or_changed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table().to_parquet(path, row_group_size=500)
    read = streamed(path)
    table().to_parquet(path, row_group_size=300)
    with pytest.raises(DataError, match=r"t\.parquet is no longer what it was when the training began"):
        read.in_memory()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"t\.parquet is spoiled, or no Parquet file"):
        streamed(path)


@pytest.mark.parametrize("column", ["verdict", "label"])
def test_a_table_to_be_judged_by_is_read_block_by_block_whichever_column_its_labels_have(
    tmp_path: Path, column: str
) -> None:
    learned = table(30_000)
    learned.rename(columns={"label": "verdict"}).to_parquet(tmp_path / "learned.parquet", row_group_size=500)
    trained = streamed(tmp_path / "learned.parquet", "verdict")
    knows = Trained(trained.input_shape, trained.classes, trained.columns, trained.fingerprint, label="verdict")
    other = learned.iloc[::-1].rename(columns={"label": column})
    other.to_parquet(tmp_path / "other.parquet", row_group_size=500)
    found = labelled_within(str(tmp_path / "other.parquet"), knows, memory=2**20)
    assert isinstance(found, LabelledInFiles)
    np.testing.assert_array_equal(np.sort(np.concatenate([y for _, y in found.portions()])), np.sort(learned["label"]))


def test_an_empty_table_among_others_is_no_harm_and_alone_it_is_refused(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "0.parquet")
    table(0).to_parquet(tmp_path / "1.parquet")
    assert streamed(tmp_path, memory=2**25).n_train == 2400
    with pytest.raises(DataError, match=r"1\.parquet has no rows"):
        streamed(tmp_path / "1.parquet")


def test_a_test_table_with_an_unknown_class_or_word_is_named(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "train.parquet", row_group_size=500)
    table(100).assign(label=[0] * 60 + [9] + [0] * 39).to_parquet(tmp_path / "test.parquet", row_group_size=40)
    with pytest.raises(DataError, match=r"column 'label' of .*test\.parquet holds 9 in row 61, which is none"):
        streamed(tmp_path)
    table(100).assign(colour=["red"] * 60 + ["mauve"] * 40).to_parquet(tmp_path / "test.parquet", row_group_size=40)
    with pytest.raises(DataError, match=r"column 'colour' of .*test\.parquet holds 'mauve' in row 61, which training"):
        streamed(tmp_path)


def test_a_row_group_that_does_not_fit_is_refused_with_the_way_out(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"3,000 rows at a time.*a quarter of --memory 1 MiB.*row_group_size"):
        streamed(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("name", "label", "message"),
    [
        ("Z*.npy", "y.npy", "no file matches .*Put it in quotes"),
        ("*.*", "y.npy", "matches files of several kinds, '.npy', '.txt'"),
        ("X*.npy", None, "holds examples without labels"),
        ("X*.npy", "y0.npy", r"matches 2 files, but --label \S*y0.npy 1; expected as many"),
    ],
)
def test_a_pattern_that_leads_nowhere_is_refused(tmp_path: Path, name: str, label: str | None, message: str) -> None:
    save_arrays(tmp_path, X, Y, 0)
    save_arrays(tmp_path, X, Y, 1)
    (tmp_path / "note.txt").touch()
    with pytest.raises(DataError, match=message):
        load_within_memory(f"{tmp_path}/{name}", label and str(tmp_path / label))


def test_the_rows_of_two_windows_take_half_of_the_memory() -> None:
    for memory, bytes_of_a_row in ((2**30, 784), (2**28, 8), (2**25, 10**5)):
        rows = rows_of_a_window(memory, bytes_of_a_row)
        assert 2 * rows * (bytes_of_a_row + 128) <= memory // 2 < 2 * (rows + 1) * (bytes_of_a_row + 128)
