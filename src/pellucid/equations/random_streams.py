"""Random numbers that depend on nothing but their address: (seed, purpose, epoch, example).

A usual generator is a river: each number depends on how many were drawn before, so that the result depends on who drank
first. A *counter-based* generator is a book: a fixed scrambling function turns a page number into random-looking bits.
Any thread can open any page, a resumed run finds the page where the killed one stopped, and the fast engine needs no
more than the same function to see the same numbers.

The function is Philox4x32-10: ten rounds that multiply, swap and mix four 32-bit words under a key of two. Addresses
become counters and keys so::

    key     = (low half of the seed, high half of the seed)
    counter = (block, example, epoch, purpose)        each block gives four words

Everything here is integer arithmetic and exact conversion (but for ``normals``), so it gives the same bits on every
machine and with every version of NumPy.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.equations.parameters import Indices

Words = NDArray[np.uint32]

MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
KEY_STEPS = np.array([0x9E3779B9, 0xBB67AE85], np.uint32)  # golden ratio, √3 − 1: the key changes by them each round
ROUNDS = 10


class Purpose(IntEnum):
    """What a stream is for: two purposes never share a number. Their values are part of what a seed means."""

    INITIAL_WEIGHTS = 1
    ORDER = 2
    TEST_SPLIT = 3
    DROPOUT = 4
    AUGMENTATION = 5
    BLOCKS = 6
    WINDOW = 7
    SHARDS = 8


class Streams(NamedTuple):
    """Whose random numbers a stretch of training reads: those of a seed, in one of its epochs."""

    seed: int
    epoch: int


def philox(counter: Words, key: Words) -> Words:
    """Scramble counters into random words.

    Equation [philox]::

        words = Philox4x32-10(counter, key)

    Each round takes (c₀, c₁, c₂, c₃) to (high(M₁c₂) ⊕ c₁ ⊕ k₀, low(M₁c₂), high(M₀c₀) ⊕ c₃ ⊕ k₁, low(M₀c₀)), where high and
    low are the halves of a 64-bit product.

    Shapes: counter (…, 4), key (2,), of uint32 → words (…, 4) of uint32. Raises nothing.

    >>> [f"{word:08x}" for word in philox(np.zeros(4, np.uint32), np.zeros(2, np.uint32))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']

    Source: Salmon et al., SC 2011; the numbers are the authors' published test vector.
    """
    c0, c1, c2, c3 = np.moveaxis(counter, -1, 0)
    k0, k1 = key[0:1], key[1:2]  # arrays, not scalars: their sums wrap around without a warning
    for _ in range(ROUNDS):
        product_0 = MULTIPLIERS[0] * c0.astype(np.uint64)
        product_1 = MULTIPLIERS[1] * c2.astype(np.uint64)
        c0, c1, c2, c3 = _high(product_1) ^ c1 ^ k0, _low(product_1), _high(product_0) ^ c3 ^ k1, _low(product_0)
        k0, k1 = k0 + KEY_STEPS[0:1], k1 + KEY_STEPS[1:2]
    return np.stack([*np.broadcast_arrays(c0, c1, c2, c3)], axis=-1).reshape(counter.shape)


def _high(product: NDArray[np.uint64]) -> Words:
    return (product >> np.uint64(32)).astype(np.uint32)


def _low(product: NDArray[np.uint64]) -> Words:
    return product.astype(np.uint32)


def random_words(seed: int, purpose: Purpose, n: int, epoch: int = 0, example: int = 0, first: int = 0) -> Words:
    """Read ``n`` 32-bit words of one stream, from the word ``first`` on.

    Equation [philox] for the blocks 0, 1, 2 … of the address (seed, purpose, epoch, example).

    Shapes: → (n,) of uint32. ``seed`` is at least 0 and below 2⁶⁴; ``epoch`` and ``example`` below 2³²; ``first + n`` at
    most 2³⁴. Raises nothing.

    >>> random_words(seed=0, purpose=Purpose.ORDER, n=3)
    array([3710895380, 2918555867, 3874949922], dtype=uint32)

    Source: as ``philox``.
    """
    block, skipped = divmod(first, 4)
    counter = np.empty((-(-(skipped + n) // 4), 4), np.uint32)
    counter[:, 0] = np.arange(block, block + len(counter))
    counter[:, 1:] = example, epoch, purpose
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
    return philox(counter, key).reshape(-1)[skipped : skipped + n]


def words_of_each(seed: int, purpose: int, n: int, epoch: int, examples: Indices) -> Words:
    """Read the first ``n`` words of the stream of each of several examples.

    Equation [philox] for the blocks 0, 1, 2 … of each address (seed, purpose, epoch, example). ``purpose`` is a ``Purpose``,
    to whose part (a layer of a network, say) 65536 times its number may be added.

    Shapes: examples (m,), below 2³² → (m, n) of uint32. Raises nothing.

    >>> words_of_each(seed=0, purpose=Purpose.DROPOUT, n=2, epoch=1, examples=np.array([7, 3])).shape
    (2, 2)

    Source: as ``philox``.
    """
    blocks = -(-n // 4)
    counter = np.empty((len(examples), blocks, 4), np.uint32)
    counter[..., 0] = np.arange(blocks)
    counter[..., 1] = examples[:, np.newaxis]
    counter[..., 2:] = epoch, purpose
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
    return philox(counter, key).reshape(len(examples), 4 * blocks)[:, :n]


def uniforms_of_each(seed: int, purpose: int, n: int, epoch: int, examples: Indices) -> NDArray[np.float64]:
    """Read the first ``n`` numbers that are uniform in [0, 1) of the stream of each of several examples.

    Equation [uniform], a row for each example.

    Shapes: examples (m,), below 2³² → (m, n) of float64, exact. Raises nothing.

    >>> uniforms_of_each(seed=0, purpose=Purpose.INITIAL_WEIGHTS, n=3, epoch=0, examples=np.array([0])).round(6)
    array([[0.075331, 0.634883, 0.316593]])

    Source: as ``uniforms``.
    """
    words = words_of_each(seed, purpose, 2 * n, epoch, examples).astype(np.uint64)
    integers = words[:, 0::2] | words[:, 1::2] << np.uint64(32)
    return (integers >> np.uint64(11)).astype(np.float64) / 2.0**53


def random_integers(
    seed: int, purpose: Purpose, n: int, epoch: int = 0, example: int = 0, first: int = 0
) -> NDArray[np.uint64]:
    """Read ``n`` integers of 64 random bits, from the one numbered ``first`` on: two words each, the first one low.

    Shapes: → (n,) of uint64. Raises nothing.

    >>> random_integers(seed=0, purpose=Purpose.ORDER, n=1) == 3710895380 + 2918555867 * 2**32
    array([ True])

    Source: as ``philox``.
    """
    low, high = random_words(seed, purpose, 2 * n, epoch, example, 2 * first).reshape(n, 2).astype(np.uint64).T
    integers: NDArray[np.uint64] = low | high << np.uint64(32)
    return integers


def uniforms(seed: int, purpose: Purpose, n: int, epoch: int = 0, example: int = 0) -> NDArray[np.float64]:
    """Read ``n`` numbers that are uniform in [0, 1).

    Equation [uniform]::

        u = (the upper 53 of 64 random bits) / 2⁵³

    Shapes: → (n,) of float64, exact. Raises nothing.

    >>> uniforms(seed=0, purpose=Purpose.INITIAL_WEIGHTS, n=3).round(6)
    array([0.075331, 0.634883, 0.316593])

    Source: folklore; a float64 has 53 significant bits.
    """
    integers = random_integers(seed, purpose, n, epoch, example)
    return (integers >> np.uint64(11)).astype(np.float64) / 2.0**53


def normals(seed: int, purpose: Purpose, n: int, epoch: int = 0, example: int = 0) -> NDArray[np.float64]:
    """Read ``n`` numbers of the standard normal distribution.

    Equation [normal]::

        g = √(−2 log(1 − u₁)) cos(2π u₂)

    Shapes: → (n,) of float64. Raises nothing. Logarithm and cosine are the machine's: another machine may differ in the
    last bit.

    >>> normals(seed=0, purpose=Purpose.INITIAL_WEIGHTS, n=3).round(6)
    array([-0.26195 , -0.695861, -1.294501])

    Source: Box, Muller, 1958.
    """
    u1, u2 = uniforms(seed, purpose, 2 * n, epoch, example).reshape(n, 2).T
    g: NDArray[np.float64] = np.sqrt(-2 * np.log1p(-u1)) * np.cos(2 * np.pi * u2)
    return g


def permutation(seed: int, purpose: Purpose, n: int, epoch: int = 0, example: int = 0) -> Indices:
    """Shuffle 0 … n − 1: give each example 64 random bits and sort by them.

    Equation [permutation]::

        order = argsort(64 random bits for each example)

    Shapes: → (n,) of int64. Raises nothing. (Two examples with the same bits, a chance of n² / 2⁶⁵, keep their order.)

    >>> permutation(seed=0, purpose=Purpose.ORDER, n=8, epoch=1)
    array([3, 2, 1, 5, 0, 6, 4, 7])

    Source: folklore.
    """
    return np.argsort(random_integers(seed, purpose, n, epoch, example), kind="stable")
