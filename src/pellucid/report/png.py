"""Small pictures as PNG, within a page: no file beside it, and no library for forty lines."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

PLUS, MINUS, PAPER = (np.array(colour, float) for colour in ((11, 95, 165), (179, 88, 6), (247, 247, 247)))


SMALL, SOON = 9, 1
"""The effort of the compression: small files, or files made soon."""


def png(pixels: Pixels, effort: int = SMALL) -> bytes:
    """Write grey (h, w) or coloured (h, w, 3) pixels of uint8 as a PNG file.

    >>> png(np.zeros((2, 3), np.uint8))[:4]
    b'\\x89PNG'

    Source: Portable Network Graphics (PNG) Specification, W3C, 2003.
    """
    height, width = pixels.shape[:2]
    kind = 2 if pixels.ndim == 3 else 0
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), effort)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def data_uri(pixels: Pixels, effort: int = SMALL) -> str:
    """Write pixels as an address that holds the picture itself."""
    return "data:image/png;base64," + base64.b64encode(png(pixels, effort)).decode()


def dark_on_light(picture: NDArray[Any]) -> Pixels:
    """Show an example's numbers as grey: white where they are lowest, black where they are highest."""
    low, high = float(picture.min()), float(picture.max())
    shades = (picture - low) / (high - low if high > low else 1.0)
    pixels: Pixels = np.rint(255 * (1 - shades)).astype(np.uint8)
    return pixels


def signed(numbers: NDArray[Any], largest: float | None = None) -> Pixels:
    """Show numbers in two colours: blue above 0, brown below, pale at 0; the scale is the same on both sides.

    >>> signed(np.array([[-1.0, 0.0, 1.0]]))[0].tolist()
    [[179, 88, 6], [247, 247, 247], [11, 95, 165]]
    """
    scale = largest or float(np.abs(numbers).max()) or 1.0
    part = np.clip(numbers / scale, -1, 1)[..., np.newaxis]
    colours = PAPER + np.abs(part) * (np.where(part > 0, PLUS, MINUS) - PAPER)
    pixels: Pixels = np.rint(colours).astype(np.uint8)
    return pixels


def mosaic(W: NDArray[Any], shape: tuple[int, int], columns: int = 16) -> Pixels:
    """Show the weights of each neuron as a picture of the inputs, side by side: W (h, d), d those of ``shape``."""
    rows = -(-len(W) // columns)
    height, width = shape
    sheet = np.full((rows * (height + 1) + 1, columns * (width + 1) + 1, 3), 255, np.uint8)
    largest = float(np.abs(W).max())
    for place, weights in enumerate(W):
        top, left = (place // columns) * (height + 1) + 1, (place % columns) * (width + 1) + 1
        sheet[top : top + height, left : left + width] = signed(weights.reshape(shape), largest)
    return sheet
