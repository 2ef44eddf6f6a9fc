"""From sound files to spoiled and wicked ones: the same number, the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
"""Where sizes and counts go wrong."""

WORDS = (
    b"NaN", b"-Infinity", b"1e999", b"-1", b"1e-400", b"9" * 400, b"0x10", b"null", b"true", b"[]", b"{}", b'""', b"[" * 500,
    b'"', b"'", b",", b",,", b"\n", b"\r", b"\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b";", b"\t", b" ",
    b"inf", b"NA", b"2020-01-01", b"1j", b"1_000", b"\\u0000", b"\\ud800", b"\xc3\xa9", b"True", b"1,2", b"#",
)  # fmt: skip
"""What means something to who reads text."""


def mutated(number: int, sound: Sequence[bytes]) -> bytes:
    """Make the spoiled file of that number out of sound ones."""
    rng = random.Random(number)
    content = bytearray(rng.choice(sound))
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(200))
    spoil(rng, content, sound)
    return bytes(content)


def spoil(rng: random.Random, content: bytearray, sound: Sequence[bytes]) -> None:
    """Change a content in one to four ways."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        rng.choice(MUTATIONS)(rng, content, sound)


def _turn_a_bit(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    if content:
        content[_place(rng, content)] ^= 1 << rng.randrange(8)


def _set_a_byte(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    if content:
        content[_place(rng, content)] = rng.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _set_a_number(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    width = rng.choice((1, 2, 4, 8))
    number = rng.choice(NUMBERS) % 2 ** (8 * width)
    at = _place(rng, content)
    content[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))


def _cut(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    del content[_place(rng, content) :]


def _remove(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, content)
    del content[at : at + _length(rng)]


def _repeat(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, content)
    content[at:at] = content[at : at + _length(rng)] * rng.choice((1, 1, 2, 20))


def _insert(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, content)
    content[at:at] = rng.randbytes(_length(rng))


def _insert_a_word(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, content)
    content[at : at + rng.choice((0, 0, 1, 2, 4))] = rng.choice(WORDS)


def _replace_a_token(rng: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    """Put a word in the place of what stands between two separators."""
    at = _place(rng, content)
    ends = [place for place in (content.find(mark, at) for mark in b",:]}\n") if place >= 0]
    if ends:
        begin = max(content.rfind(mark, 0, at) for mark in b",:[{\n") + 1
        content[begin : min(ends)] = rng.choice(WORDS)


def _splice(rng: random.Random, content: bytearray, sound: Sequence[bytes]) -> None:
    other = rng.choice(sound)
    content[_place(rng, content) :] = other[rng.randrange(len(other) + 1) :]


MUTATIONS: tuple[Mutation, ...] = (
    _turn_a_bit, _set_a_byte, _set_a_number, _cut, _remove, _repeat, _insert, _insert_a_word, _replace_a_token, _splice,
)  # fmt: skip


def _place(rng: random.Random, content: bytearray) -> int:
    """Choose a place, every second time near the beginning: there the headers are."""
    near = min(len(content), 64) if rng.random() < 0.5 else len(content)
    return rng.randrange(max(1, near))


def _length(rng: random.Random) -> int:
    return rng.choice((1, 1, 2, 4, 8, 16, rng.randrange(1, 64)))
