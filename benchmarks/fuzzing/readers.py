"""Who reads: sound files to begin with, how a file is read, and what must hold of what was read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutate import mutated, spoil
from pellucid import __version__
from pellucid.datasets.dataset import Column
from pellucid.datasets.idx import read_idx, write_idx
from pellucid.datasets.images import read_pixels
from pellucid.datasets.tables import encode_table, load_table
from pellucid.engines import State
from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.worked_example import ARCHITECTURE, LAYERS
from pellucid.errors import PellucidError
from pellucid.estimators.kept_search import KeptSearch
from pellucid.formats.container import RECORD_KEY, read_container
from pellucid.formats.model_file import Model, model_to_bytes, read_model
from pellucid.formats.records import architecture_to_record
from pellucid.training.checkpoints import checksum, read_checkpoint, write_checkpoint
from pellucid.training.history import EpochRecord
from pellucid.training.identity import check_same
from pellucid.training.journal import SEAL, SIZE, Journal, framed, seal_of
from pellucid.training.settings import Settings
from pellucid.training.snapshot import Best, Snapshot


@dataclass(frozen=True)
class Reader:
    """``sound`` files; ``read`` raises where what it has read is not sound; ``spoil`` makes, of the sound files, the spoiled
    one of a number, for every second number.
    """

    name: str
    suffix: str
    sound: Callable[[], list[bytes]]
    read: Callable[[Path], None]
    spoil: Callable[[int, Sequence[bytes]], bytes] = mutated


def _written(write: Callable[[Path], Any], suffix: str = "") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(path)
        return path.read_bytes()


# -- IDX -------------------------------------------------------------------------------------------------------------


def _idx_files() -> list[bytes]:
    rng = np.random.default_rng(0)
    arrays: list[Any] = [rng.integers(0, 256, (3, 4, 4)).astype(np.uint8), np.arange(7, dtype=np.uint8)]
    arrays += [rng.integers(-9, 9, (2, 3)).astype(np.int16), rng.normal(size=(2, 2, 2))]
    plain = [_written(lambda path, array=array: write_idx(path, array)) for array in arrays]  # type: ignore[misc]
    return [*plain, *(gzip.compress(content, mtime=0) for content in plain[:2])]


def _read_idx(path: Path) -> None:
    assert read_idx(path).size > 0


# -- models and checkpoints ------------------------------------------------------------------------------------------


def _models() -> list[bytes]:
    rich = Model(
        ARCHITECTURE,
        LAYERS,
        ("cat", "dog"),
        feature_names=("a", "b", "c=x", "c=y"),
        columns=(("a", None), ("b", None), ("c", ("x", "y"))),
        training={"seed": 0, "epochs": 3, "solver": "sgd"},
        test_accuracy=0.875,
        version="0.0.1",
    )
    return [model_to_bytes(rich), model_to_bytes(replace(rich, columns=None, feature_names=None, classes=(0, 1)))]


def _read_model(path: Path) -> None:
    model = read_model(path)
    model.architecture.check_layers(model.layers)
    assert all(np.isfinite(tensor).all() for layer in model.layers for tensor in layer)


SMALL = Architecture((3,), (Hidden(2),), 2)
SETTINGS = Settings(epochs=5, solver="adam", validation=3, patience=2, average=2)


def _checkpoints() -> list[bytes]:
    rng = np.random.default_rng(0)

    def layers() -> Any:
        return tuple(
            type(LAYERS[0])(rng.normal(size=shape).astype("f4"), rng.normal(size=shape[0]).astype("f4"))
            for shape in SMALL.weight_shapes
        )

    record = EpochRecord(1, 0.5, 0.75, 0.6, 0.7, 0.001, 1.5, 100.0, float("nan"))
    between = Snapshot(State(layers(), (layers(), layers()), 9), (record,), np.empty(0), 0, 0.0, layers(), None)
    within = replace(between, losses=rng.random(4), correct=3, seconds=0.5, best=Best(1, layers()), average=layers())
    of = {"version": "0.1.0", "settings": {"seed": 0}}
    return [_written(lambda path, each=each: write_checkpoint(path, each, of)) for each in (between, within)]  # type: ignore[misc]


def _read_checkpoint(path: Path) -> None:
    snapshot = read_checkpoint(path, SMALL, SETTINGS)
    for layers in (snapshot.state.layers, *snapshot.state.moments, snapshot.kept, snapshot.layers_before):
        SMALL.check_layers(layers)
    assert all(isinstance(each, EpochRecord) for each in snapshot.history)
    assert snapshot.steps_done >= 0
    assert snapshot.epochs_done >= 0


def _spoiled_inside(number: int, sound: Sequence[bytes]) -> bytes:
    """Spoil what a safetensors file says, or its numbers, and leave its sizes right, so that the rest is looked at."""
    rng = random.Random(number)
    content = rng.choice(sound)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    record = bytearray(header.pop("__metadata__")[RECORD_KEY].encode())
    arrays, body = bytearray(json.dumps(header).encode()), bytearray(content[8 + size :])
    spoil(rng, rng.choice((record, record, record, arrays, arrays, body)), [bytes(record), bytes(arrays)])
    metadata = json.dumps({RECORD_KEY: record.decode(errors="replace")})
    text = b'{"__metadata__":' + metadata.encode() + b"," + bytes(arrays[1:])
    return len(text).to_bytes(8, "little") + text + bytes(body)


def _spoiled_with_the_right_checksum(number: int, sound: Sequence[bytes]) -> bytes:
    """Spoil what a checkpoint says, and let it have the checksum of that."""
    content = _spoiled_inside(number, sound)
    with tempfile.NamedTemporaryFile(suffix=".safetensors", dir=quick_folder()) as file:
        file.write(content)
        file.flush()
        try:
            arrays, record = read_container(Path(file.name))
            record.pop("checksum", None)
            right = checksum(arrays, record)
        except (PellucidError, ValueError, TypeError):
            return content
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"][RECORD_KEY] = json.dumps({**record, "checksum": right})
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def quick_folder() -> str | None:
    """Give a folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


# -- searches --------------------------------------------------------------------------------------------------------

POINTS = np.arange(6.0).reshape(3, 2)
SEARCHED = {"version": __version__, "data": {"name": "few", "sha256": "0" * 64}, "settings": {"seed": 0}}
SEARCHED |= {"architecture": architecture_to_record(SMALL), "engine": {"name": "reference", "target": "numpy"}}


def _searched(path: Path) -> None:
    """Search, over what is kept in the file: for each point an answer, and for each answer an iteration."""
    warnings: list[str] = []
    kept = KeptSearch(Journal(path, seconds=60.0), warnings.append)
    try:
        same = partial(check_same, path, kind="fit", anew="name another folder")
        kept.begin(SEARCHED, same)
        for number, point in enumerate(POINTS, start=1):
            loss, gradient = kept.evaluation(point, lambda point=point: (float(point.sum()), -point), "f4")  # type: ignore[misc]
            assert type(loss) is float
            assert (gradient.shape, gradient.dtype) == (point.shape, point.dtype)
            record, _ = kept.iteration(lambda number=number: EpochRecord(number, 0.5, None, None, None, 0.0, 0.0, 0.0))  # type: ignore[misc]
            assert isinstance(record, EpochRecord)
    finally:
        kept.close()
    assert len(warnings) <= 1


def _searches() -> list[bytes]:
    return [_written(_searched)]


def _spoiled_with_the_right_seals(number: int, sound: Sequence[bytes]) -> bytes:
    """Spoil what one of the frames says, and let all have the seals of that."""
    rng = random.Random(number)
    content, frames = rng.choice(sound), list[bytearray]()
    while content:
        end = SIZE + SEAL + int.from_bytes(content[:SIZE], "little")
        frames.append(bytearray(content[SIZE + SEAL : end]))
        content = content[end:]
    spoil(rng, rng.choice(frames), [bytes(each) for each in frames])
    found, seal = b"", bytes(SEAL)
    for each in frames:
        found += framed(seal, bytes(each))
        seal = seal_of(seal, bytes(each))
    return found


# -- tables ----------------------------------------------------------------------------------------------------------

COLUMNS = (Column("width"), Column("colour", ("blue", "red")), Column("dry"))


def _tables() -> list[bytes]:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["width", "colour", "dry", "label"])
    for number in range(10):
        word, answer = ("red", "blue")[number % 2], ("yes", "no")[number % 3 == 0]
        rows.writerow([number / 4, word, number % 2 == 0, answer])
    table = text.getvalue().encode()
    numbers = b"a,b,y\n" + b"".join(b"%d,%d.5,%d\n" % (n, -n, n % 3) for n in range(9))
    return [table, numbers, b"\xef\xbb\xbf" + table.replace(b"\n", b"\r\n"), table.replace(b"red", b'"re,\nd"')]


def _read_table(path: Path) -> None:
    """Read it to learn from it, and to predict for it: refused is what both doors refuse."""
    refused = None
    try:
        data = load_table(path)
    except PellucidError as error:
        refused = error
    else:
        assert np.isfinite(data.X_train).all()
        assert len(data.X_train) == len(data.y_train) > 0
    try:
        X, _ = encode_table(path, COLUMNS)
    except PellucidError:
        if refused is not None:
            raise refused from None
    else:
        assert np.isfinite(X).all()


# -- pictures --------------------------------------------------------------------------------------------------------


def _pictures() -> list[bytes]:
    from PIL import Image

    rng = np.random.default_rng(0)
    grey = Image.fromarray(rng.integers(0, 256, (6, 5)).astype(np.uint8))
    coloured = Image.fromarray(rng.integers(0, 256, (6, 5, 3)).astype(np.uint8))
    clear = Image.fromarray(rng.integers(0, 256, (6, 5, 4)).astype(np.uint8))
    ways: list[tuple[Any, str, dict[str, Any]]] = [
        (grey, "PNG", {}), (coloured, "PNG", {}), (clear, "PNG", {}), (grey.convert("P"), "PNG", {}), (grey, "JPEG", {}),
        (coloured, "JPEG", {"progressive": True}), (coloured, "BMP", {}), (grey, "GIF", {}), (coloured, "TIFF", {}),
        (grey, "TIFF", {"compression": "tiff_lzw"}), (coloured, "PPM", {}), (grey.convert("1"), "PPM", {}),
    ]  # fmt: skip
    found = []
    for picture, kind, settings in ways:
        stream = io.BytesIO()
        picture.save(stream, kind, **settings)
        found.append(stream.getvalue())
    return found


def _read_picture(path: Path) -> None:
    pixels = read_pixels(path)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2


READERS: Sequence[Reader] = (
    Reader("idx", "", _idx_files, _read_idx),
    Reader("model", ".safetensors", _models, _read_model, _spoiled_inside),
    Reader("checkpoint", ".safetensors", _checkpoints, _read_checkpoint, _spoiled_with_the_right_checksum),
    Reader("search", ".journal", _searches, _searched, _spoiled_with_the_right_seals),
    Reader("csv", ".csv", _tables, _read_table),
    Reader("image", ".png", _pictures, _read_picture),
)
