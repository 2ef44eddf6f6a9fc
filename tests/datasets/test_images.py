from __future__ import annotations

import builtins
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets import load, read_image
from pellucid.equations.scaling import Scaling
from pellucid.errors import DataError, MissingExtraError

Image = pytest.importorskip("PIL.Image")

PIXELS = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)


def picture(path: Path, pixels: np.ndarray = PIXELS, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def folder_of(path: Path, *classes: str, each: int = 3, pixels: np.ndarray = PIXELS) -> Path:
    for value, name in enumerate(classes):
        for n in range(each):
            picture(path / name / f"{n}.png", pixels + np.uint8(value))
    return path


def png_that_declares(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_subfolders_are_classes(tmp_path: Path) -> None:
    cats = load(folder_of(tmp_path / "pets", "dog", "cat"))
    assert (cats.name, cats.classes, cats.input_shape, cats.has_own_split) == ("pets", ("cat", "dog"), (4, 6), False)
    assert (cats.X_train.shape, cats.X_train.dtype, cats.scaling) == ((5, 24), np.uint8, Scaling((0.0,), (255.0,)))
    for x, y in zip(cats.X_train, cats.y_train, strict=True):
        np.testing.assert_array_equal(x, PIXELS.reshape(-1) + np.uint8(1 - y))


def test_names_that_are_all_numbers_become_numbers(tmp_path: Path) -> None:
    assert load(folder_of(tmp_path, "10", "9")).classes == (9, 10)
    assert load(folder_of(tmp_path, "x")).classes == ("10", "9", "x")


def test_train_and_test_are_a_split_of_its_own(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", "a", "b")
    folder_of(tmp_path / "test", "a", "b", each=1)
    split = load(tmp_path)
    assert split.has_own_split
    assert (len(split.X_train), split.y_test.tolist()) == (6, [0, 1])
    folder_of(tmp_path / "test", "a", "c", each=1)
    with pytest.raises(
        DataError, match="test holds 'c' in row 3, which is none of the classes; expected one of 'a', 'b'"
    ):
        load(tmp_path)


def test_parts_of_different_sizes_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path / "train", "a", "b")
    folder_of(tmp_path / "test", "a", "b", pixels=PIXELS[:3])
    with pytest.raises(DataError, match=r"test are of 3×6 pixels, but those in .*train of 4×6"):
        load(tmp_path)


def test_litter_is_ignored_and_other_files_are_not(tmp_path: Path) -> None:
    folder_of(tmp_path, "a", "b")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / "a" / name).write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("beside the classes")
    assert len(load(tmp_path).X_train) == 5
    (tmp_path / "a" / "notes.txt").write_text("within a class")
    with pytest.raises(DataError, match=r"notes.txt is no picture; expected PNG, JPEG"):
        load(tmp_path)


def test_pictures_of_two_sizes_are_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "a", "b")
    picture(tmp_path / "b" / "odd.png", PIXELS[:2])
    with pytest.raises(DataError, match=r"a/0.png is of 4×6 pixels, but .*b/odd.png of 2×6; expected one size for all"):
        load(tmp_path)


def test_folders_that_hold_too_little_or_too_much_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "a")
    with pytest.raises(DataError, match="holds 1 subfolders; expected one for each class, at least two"):
        load(tmp_path)
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match="b holds no pictures; expected at least one"):
        load(tmp_path)
    (tmp_path / "b" / "c").mkdir()
    with pytest.raises(DataError, match="b holds the folder 'c'"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "pgm"])
def test_exact_formats_give_the_exact_pixels(tmp_path: Path, suffix: str) -> None:
    X = read_image(picture(tmp_path / f"a.{suffix}"), (4, 6))
    assert (X.shape, X.dtype) == ((1, 24), np.uint8)
    np.testing.assert_array_equal(X[0], PIXELS.reshape(-1))


def test_jpeg_gives_nearly_the_pixels(tmp_path: Path) -> None:
    X = read_image(picture(tmp_path / "a.jpg", quality=95), (4, 6))
    np.testing.assert_allclose(X[0], PIXELS.reshape(-1), atol=8)


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.gif", (4, 6))[0], PIXELS.reshape(-1))


def test_what_is_transparent_becomes_black(tmp_path: Path) -> None:
    white = np.full((4, 6, 4), 255, np.uint8)
    white[:, 3:, 3] = 0
    X = read_image(picture(tmp_path / "a.png", white), (4, 6)).reshape(4, 6)
    assert (X[:, :3].min(), X[:, 3:].max()) == (255, 0)


def test_colours_and_black_and_white_become_grey(tmp_path: Path) -> None:
    colours = np.stack([PIXELS] * 3, axis=-1)
    np.testing.assert_array_equal(read_image(picture(tmp_path / "a.png", colours), (4, 6))[0], PIXELS.reshape(-1))
    X = read_image(picture(tmp_path / "b.png", PIXELS > 100), (4, 6))
    np.testing.assert_array_equal(X[0], np.where(PIXELS > 100, 255, 0).reshape(-1))


def test_a_photograph_held_upright_is_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    X = read_image(picture(tmp_path / "a.png", exif=exif), (6, 4))
    np.testing.assert_array_equal(X.reshape(6, 4), np.rot90(PIXELS, -1))


def test_a_picture_of_another_size_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"a.png is a picture of 4×6 pixels; expected 28×28. Resize it to 28×28.*MNIST is white"
    ):
        read_image(picture(tmp_path / "a.png"), (28, 28))


def test_a_model_of_tables_takes_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the model takes 24 numbers, not pictures"):
        read_image(picture(tmp_path / "a.png"), (24,))


def test_deep_pictures_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than 8 bits a pixel"):
        read_image(picture(tmp_path / "a.png", PIXELS.astype(np.uint16) * 257), (4, 6))
    with pytest.raises(DataError, match="more than 8 bits a pixel"):
        read_image(picture(tmp_path / "a.tiff", PIXELS.astype(np.float32)), (4, 6))


@pytest.mark.parametrize(("width", "height"), [(2**13, 2**12 + 1), (10_000, 10_000), (60_000, 60_000)])
def test_a_picture_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "a.png").write_bytes(png_that_declares(width, height))
    with pytest.raises(DataError, match="declares more pixels than a picture should have"):
        read_image(tmp_path / "a.png", (28, 28))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "tiff", "pgm"])
def test_a_picture_cut_anywhere_is_refused_or_read_whole(tmp_path: Path, suffix: str) -> None:
    whole = picture(tmp_path / f"whole.{suffix}").read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    refusals = []
    for n in range(0, len(whole), max(1, len(whole) // 60)):
        cut.write_bytes(whole[:n])
        try:
            assert read_image(cut, (4, 6)).shape == (1, 24)
        except DataError as error:
            refusals.append(str(error))
    assert len(refusals) > 10
    assert all(str(cut) in refusal for refusal in refusals)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be read: no such file"):
        read_image(tmp_path / "absent.png", (4, 6))


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, "a", "b")
    real = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name == "PIL":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        MissingExtraError, match=r'pillow, which is not installed. Try: pip install "pellucid\[images\]"'
    ):
        load(tmp_path)
