from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid import datasets
from pellucid.datasets import write_idx
from pellucid.datasets.catalogue import FASHION_MNIST, IDX_STEMS, MNIST
from pellucid.datasets.dataset import hold_out_a_fifth
from pellucid.datasets.locate import find_folder, find_or_fetch
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError, DataUnavailableError


@pytest.fixture
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(entry, folder, progress=None):
        raise DataUnavailableError(f"asked for {folder}")

    monkeypatch.setattr("pellucid.datasets.locate.fetch", refuse)


def test_mnist_is_loaded_as_published(mnist_folder: Path) -> None:
    mnist = datasets.load(mnist_folder)
    assert (mnist.name, mnist.classes, mnist.input_shape) == ("mnist", tuple(range(10)), (28, 28))
    assert (mnist.X_train.shape, mnist.X_train.dtype, mnist.y_train.dtype) == ((60_000, 784), np.uint8, np.int64)
    assert (mnist.X_test.shape, mnist.has_own_split) == ((10_000, 784), True)
    assert mnist.scaling == Scaling((0.0,), (255.0,))
    assert np.bincount(mnist.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_the_digits_come_without_a_network(alone: Path) -> None:
    digits = datasets.load("digits")
    assert (digits.name, digits.input_shape, digits.has_own_split) == ("digits", (8, 8), False)
    assert (digits.X_train.dtype, digits.X_train.max(), digits.scaling) == (np.uint8, 16, Scaling((0.0,), (16.0,)))
    assert (len(digits.X_train), len(digits.X_test)) == (1438, 359)
    assert digits.fingerprint == datasets.load("digits").fingerprint


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_data_set_is_looked_for_in_order(
    alone: Path, monkeypatch: pytest.MonkeyPatch, write_small_mnist, no_mirror, suffix: str, tmp_path: Path
) -> None:
    cache = write_small_mnist(alone / "mnist", suffix)
    assert "cache" in datasets.load().source
    write_small_mnist(Path("data/mnist"), suffix)
    assert datasets.load("mnist").source == "IDX files in data/mnist"
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "elsewhere"))
    assert datasets.load("mnist").source == "IDX files in data/mnist"
    named = write_small_mnist(tmp_path / "elsewhere" / "mnist", suffix)
    assert str(named) in datasets.load("mnist").source
    assert datasets.data_folders() == (tmp_path / "elsewhere", Path("data"), alone)
    monkeypatch.setenv("PELLUCID_DATA", str(named))
    assert find_folder(MNIST) == named
    assert find_or_fetch(MNIST, tmp_path / "elsewhere") == named
    assert find_or_fetch(MNIST, cache) == cache


def test_a_data_set_that_is_nowhere_is_fetched_to_the_cache(alone: Path, no_mirror) -> None:
    with pytest.raises(DataUnavailableError, match=str(alone / "mnist")):
        datasets.load("mnist")


def test_a_half_finished_download_is_completed(alone: Path, no_mirror, write_small_mnist) -> None:
    (write_small_mnist(alone / "mnist") / f"{IDX_STEMS[3]}.gz").unlink()
    with pytest.raises(DataUnavailableError, match="asked for"):
        datasets.load("mnist")


def test_a_folder_that_is_named_is_the_only_one_looked_in(alone: Path, no_mirror, write_small_mnist) -> None:
    write_small_mnist(Path("data/mnist"))
    Path("other").mkdir()
    with pytest.raises(DataUnavailableError, match="other does not hold mnist"):
        find_or_fetch(MNIST, Path("other"))


def test_an_incomplete_or_spoiled_copy_is_no_reason_to_look_elsewhere(
    alone: Path, no_mirror, write_small_mnist
) -> None:
    write_small_mnist(alone / "mnist")
    here = write_small_mnist(Path("data/mnist"))
    images = here / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"data/mnist/t10k-images-idx3-ubyte.gz is a gzip file that was cut short"):
        datasets.load("mnist")
    images.unlink()
    with pytest.raises(DataError, match="holds only 3 of the four IDX files; missing: 't10k-images-idx3-ubyte'"):
        datasets.load("mnist")


def test_other_spellings_are_found(tmp_path: Path, write_small_mnist) -> None:
    write_small_mnist(tmp_path / "mnist", "")
    for path in list((tmp_path / "mnist").iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert datasets.load(tmp_path / "mnist").name == "mnist"


def test_a_folder_with_one_known_data_set_is_that(tmp_path: Path, write_small_mnist) -> None:
    write_small_mnist(tmp_path / "fashion-mnist")
    fashion = datasets.load(tmp_path)
    assert (fashion.name, fashion.classes) == ("fashion-mnist", FASHION_MNIST.classes)
    assert fashion.y_train.tolist() == [*range(10), 3, 7]
    write_small_mnist(tmp_path / "mnist")
    with pytest.raises(DataError, match="holds several data sets, 'mnist', 'fashion-mnist'"):
        datasets.load(tmp_path)


def test_an_unknown_idx_set_has_the_classes_that_are_found(tmp_path: Path, write_small_mnist) -> None:
    labels = np.array([5, 200] * 6, np.uint8)
    write_small_mnist(tmp_path / "mine", train_labels=labels, t10k_labels=labels[:10])
    mine = datasets.load(tmp_path / "mine")
    assert (mine.name, mine.classes, mine.input_shape, mine.X_train.shape) == ("mine", (5, 200), (2, 3), (12, 6))
    write_small_mnist(tmp_path / "mine", train_labels=labels, t10k_labels=np.full(10, 6, np.uint8))
    with pytest.raises(
        DataError, match=r"t10k-labels.* holds 6 in row 1, which is none of the classes; expected.* 5, 200"
    ):
        datasets.load(tmp_path / "mine")


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"train_labels": np.zeros(11, np.uint8)},
            "train-labels.* has 11 labels, but .*train-images.* has 12 examples",
        ),
        ({"t10k_labels": np.full(10, 10, np.uint8)}, "t10k-labels.* holds 10 in row 1, which is none of the classes"),
        ({"train_images": np.zeros(12, np.uint8)}, "train-images.*shape \\(12,\\).*These are labels"),
        ({"train_labels": np.zeros((12, 2, 3), np.uint8)}, "train-labels.*shape \\(12, 2, 3\\).*These are images"),
        ({"t10k_images": np.zeros((10, 3, 2), np.uint8)}, "t10k-images.*of \\(3, 2\\) pixels, but.*of \\(2, 3\\)"),
        ({"train_labels": np.full(12, 0.5, np.float32)}, "train-labels.*looks like a quantity"),
        ({"train_images": np.full((12, 2, 3), np.nan, np.float32)}, "train-images.* holds nan in row 1, column 1"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path: Path, write_small_mnist, replaced, message: str) -> None:
    write_small_mnist(tmp_path / "mnist", **replaced)
    with pytest.raises(DataError, match=message):
        datasets.load(tmp_path / "mnist")


def test_a_single_pair_of_idx_files_has_a_fifth_held_out(tmp_path: Path, write_small_mnist) -> None:
    write_small_mnist(tmp_path / "a")
    pair = datasets.load(tmp_path / "a" / "train-images-idx3-ubyte.gz")
    train_rows, test_rows = hold_out_a_fifth(12)
    labels = np.array([*range(10), 3, 7])
    assert (pair.has_own_split, pair.classes) == (False, tuple(range(10)))
    assert pair.y_test.tolist() == labels[test_rows].tolist()
    assert pair.X_train[:, 0].tolist() == (train_rows * 6).tolist()
    with pytest.raises(DataError, match="does not say in its name that it holds images"):
        datasets.load(tmp_path / "a" / "train-labels-idx1-ubyte.gz")
    (tmp_path / "a" / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"no labels beside it; expected train-labels-idx1-ubyte.gz in"):
        datasets.load(tmp_path / "a" / "train-images-idx3-ubyte.gz")


def test_images_of_another_type_are_standardised(tmp_path: Path) -> None:
    write_idx(tmp_path / "images.idx", np.arange(30, dtype=np.int32).reshape(10, 1, 3))
    write_idx(tmp_path / "labels.idx", np.arange(10, dtype=np.int32) % 2)
    pair = datasets.load(tmp_path / "images.idx")
    assert pair.X_train.dtype == np.int32
    assert pair.scaling.offset == tuple(pair.X_train.mean(axis=0))


def test_what_is_neither_a_name_nor_a_path_is_answered_with_both(alone: Path) -> None:
    with pytest.raises(DataError, match=r"fasion-mnist is neither .* Did you mean 'fashion-mnist'"):
        datasets.load("fasion-mnist")


def test_a_path_that_cannot_be_is_a_sentence() -> None:
    with pytest.raises(DataError, match="could not be read: file name too long"):
        datasets.load("x" * 5000)


def test_a_folder_or_file_of_unknown_kind_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds none; expected MNIST's four IDX files"):
        datasets.load(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds 'a.txt'; expected MNIST's four IDX files"):
        datasets.load(tmp_path)
    with pytest.raises(DataError, match=r"unknown kind; expected a .csv"):
        datasets.load(tmp_path / "a.txt")


def test_a_label_is_refused_where_the_data_bring_theirs(tmp_path: Path, write_small_mnist) -> None:
    with pytest.raises(DataError, match="digits brings its labels with it"):
        datasets.load("digits", label="y")
    with pytest.raises(DataError, match="brings its labels with it"):
        datasets.load(write_small_mnist(tmp_path / "mnist"), label="y")


def test_the_held_out_fifth_needs_five_rows_and_covers_all() -> None:
    with pytest.raises(DataError, match="4 rows; expected at least 5"):
        hold_out_a_fifth(4)
    train, test = hold_out_a_fifth(103)
    assert len(test) == 20
    assert sorted([*train, *test]) == list(range(103))


def test_fingerprints_differ_with_the_data(tmp_path: Path, write_small_mnist) -> None:
    first = datasets.load(write_small_mnist(tmp_path / "mnist"))
    again = datasets.load(write_small_mnist(tmp_path / "copy" / "mnist", ""))
    other = datasets.load(write_small_mnist(tmp_path / "other" / "mnist", t10k_labels=np.zeros(10, np.uint8)))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_fetch_asks_for_the_folder_of_the_data_set(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.datasets.download.fetch", lambda entry, folder, progress: folder)
    assert datasets.fetch("kmnist", Path("here")) == Path("here/kmnist")
    with pytest.raises(DataError, match="no data set is called"):
        datasets.fetch("iris")
