"""Pictures, from PNG, JPEG and other files: the only file that knows Pillow.

However a picture was stored, what comes out is grey pixels of uint8, 0 black, 255 white. What is transparent becomes black,
the background of MNIST; a photograph's orientation is heeded; of an animation the first frame counts.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.assembling import PIXELS, Part, assemble
from pellucid.datasets.dataset import Dataset
from pellucid.datasets.wording import unreadable
from pellucid.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")
LITTER = ("thumbs.db", "desktop.ini")
"""What file managers leave behind, besides hidden files."""

MOST_BYTES = 16 * 2**30

MOST_PIXELS = 2**25
"""Of one picture: while it is read it takes up to 16 bytes a pixel, 0.5 GB, however few bytes its file has."""


def load_image_folder(folder: Path) -> Dataset:
    """Load a folder of pictures: one subfolder a class, or ``train/`` and ``test/`` with those within.

    X is uint8 (n, h·w). Classes are the sorted names of the subfolders, numbers if all are numbers. Raises ``DataError``
    for pictures that differ in size, for files that are no pictures, and for folders without any; ``MissingExtraError``
    without Pillow.
    """
    inside = _subfolders(folder)
    if {path.name for path in inside} == {"train", "test"}:
        train, shape = _load_part(folder / "train")
        test, test_shape = _load_part(folder / "test")
        if test_shape != shape:
            raise DataError(
                f"the pictures in {folder / 'test'} are of {_size(test_shape)} pixels, but those in {folder / 'train'} "
                f"of {_size(shape)}",
                "one size for all",
            )
        parts: tuple[Part, Part | None] = train, test
    else:
        train, shape = _load_part(folder)
        parts = train, None
    return assemble(
        folder.resolve().name, *parts, input_shape=shape, scaling=PIXELS, source=f"the pictures in {folder}"
    )


def read_image(path: Path, input_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read one picture for a model whose inputs are ``input_shape``, (h, w) pixels: uint8 (1, h·w).

    Raises ``DataError`` for a picture of another size, a spoiled one, or a model that takes no pictures, and
    ``MissingExtraError`` without Pillow.
    """
    if len(input_shape) != 2:
        raise DataError(f"the model takes {math.prod(input_shape)} numbers, not pictures", advice="Give it a table.")
    pixels = read_pixels(path)
    if pixels.shape != input_shape:
        raise DataError(
            f"{path} is a picture of {_size(pixels.shape)} pixels",
            _size(input_shape),
            f"Resize it to {_size(input_shape)}, as light and dark as the training data: MNIST is white on black."
            + " Or try --normalise mnist." * (input_shape == (28, 28)),
        )
    return pixels.reshape(1, -1)


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture as grey pixels: uint8 (h, w). Raises ``DataError`` for a file that is none, or a spoiled one."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtraError("Reading pictures", "pillow", "images") from error
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a picture whose few bytes unpack to gigabytes.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                if math.prod(picture.size) > MOST_PIXELS:
                    raise _too_many_pixels(path)
                _refuse_deep(picture, path)
                return np.array(_grey(ImageOps.exif_transpose(picture)))
    except DataError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels(path) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is no picture", "PNG, JPEG, BMP, GIF, TIFF or PGM") from error
    except Exception as error:  # a spoiled picture makes Pillow's decoders raise whatever they stumble over
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(path, error) from error
        raise DataError(f"{path} is a spoiled picture ({error})", advice="Copy or export it again.") from error


def _too_many_pixels(path: Path) -> DataError:
    return DataError(
        f"{path} declares more pixels than a picture should have", f"at most {MOST_PIXELS:,}", "Shrink it."
    )


def _refuse_deep(picture: Image.Image, path: Path) -> None:
    if picture.mode.startswith(("I", "F")):
        raise DataError(f"{path} has more than 8 bits a pixel", "8", "Convert it first.")


def _grey(picture: Image.Image) -> Image.Image:
    from PIL import Image

    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    return picture.convert("L")


def _load_part(folder: Path) -> tuple[Part, tuple[int, int]]:
    classes = _subfolders(folder)
    if len(classes) < 2:
        raise DataError(f"{folder} holds {len(classes)} subfolders", "one for each class, at least two")
    paths: list[Path] = []
    names: list[str] = []
    for class_folder in classes:
        pictures = _pictures(class_folder)
        paths += pictures
        names += [class_folder.name] * len(pictures)
    labels = np.array(names, object)
    if all(name.isascii() and name.isdigit() for name in names):
        labels = np.array([int(name) for name in names])
    X, shape = _read_all(paths)
    return Part(X, labels, f"the folder {folder}", f"the folder {folder}"), shape


def _read_all(paths: list[Path]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    first = read_pixels(paths[0])
    if first.size * len(paths) > MOST_BYTES:
        raise DataError(f"{len(paths):,} pictures of {_size(first.shape)} pixels are too many to hold in memory")
    X = np.empty((len(paths), first.size), np.uint8)
    for row, path in zip(X, paths, strict=True):
        pixels = read_pixels(path)
        if pixels.shape != first.shape:
            raise DataError(
                f"{paths[0]} is of {_size(first.shape)} pixels, but {path} of {_size(pixels.shape)}",
                "one size for all",
                "Resize them first.",
            )
        row[:] = pixels.reshape(-1)
    height, width = first.shape
    return X, (height, width)


def _pictures(folder: Path) -> list[Path]:
    inside = [path for path in _listing(folder) if path.name.lower() not in LITTER]
    for path in inside:
        if path.is_dir():
            raise DataError(f"{folder} holds the folder {path.name!r}", "pictures of one class, and nothing else")
    if not inside:
        raise DataError(f"the folder {folder} holds no pictures", "at least one for each class")
    return inside


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _listing(folder) if path.is_dir()]


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from error


def _size(shape: tuple[Any, ...]) -> str:
    return "×".join(map(str, shape))
