from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.equations.random_streams import (
    Purpose,
    normals,
    permutation,
    philox,
    random_integers,
    random_words,
    uniforms,
)

WORD = st.integers(0, 2**32 - 1)
PURPOSE = st.sampled_from(Purpose)
ADDRESSES = st.tuples(st.integers(0, 2**64 - 1), PURPOSE, WORD, WORD)

# Published with the generator by its authors (Random123, kat_vectors): philox4x32, 10 rounds.
PUBLISHED = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text):
    array = np.array([int(word, 16) for word in text.split()], np.uint32)
    array.flags.writeable = False
    return array


def philox_in_whole_numbers(counter, key):
    """Compute Philox4x32-10 with Python's integers, which never wrap around."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        high_0, low_0 = divmod(0xD2511F53 * c0, 2**32)
        high_1, low_1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED)
def test_philox_gives_the_authors_numbers(counter, key, expected):
    assert philox(words(counter), words(key)).tolist() == words(expected).tolist()


@given(counters=st.lists(st.tuples(WORD, WORD, WORD, WORD), min_size=1, max_size=5), key=st.tuples(WORD, WORD))
def test_philox_agrees_with_whole_numbers(counters, key):
    found = philox(np.array(counters, np.uint32), np.array(key, np.uint32))
    assert found.dtype == np.uint32
    assert found.tolist() == [philox_in_whole_numbers(counter, key) for counter in counters]


@given(address=ADDRESSES, n=st.integers(0, 11))
def test_an_address_becomes_counter_and_key_as_documented(address, n):
    seed, purpose, epoch, example = address
    key = (seed % 2**32, seed // 2**32)
    expected = [
        word for block in range(3) for word in philox_in_whole_numbers((block, example, epoch, int(purpose)), key)
    ]
    assert random_words(seed, purpose, n, epoch, example).tolist() == expected[:n]


@given(address=ADDRESSES, n=st.integers(0, 40), more=st.integers(0, 40))
def test_who_reads_further_reads_the_same_beginning(address, n, more):
    seed, purpose, epoch, example = address
    whole = random_words(seed, purpose, n + more, epoch, example)
    assert random_words(seed, purpose, n, epoch, example).tolist() == whole[:n].tolist()


@given(address=ADDRESSES, n=st.integers(0, 20), first=st.integers(0, 20))
def test_who_begins_to_read_later_reads_the_same_words(address, n, first):
    seed, purpose, epoch, example = address
    whole = random_words(seed, purpose, first + n, epoch, example)
    assert random_words(seed, purpose, n, epoch, example, first).tolist() == whole[first:].tolist()


@given(one=ADDRESSES, other=ADDRESSES)
def test_streams_of_different_addresses_do_not_coincide(one, other):
    same = one == other
    found = [random_words(address[0], address[1], 8, *address[2:]).tolist() for address in (one, other)]
    assert (found[0] == found[1]) == same


def test_neighbouring_addresses_share_no_number():
    addresses = [(s, p, e, x) for s in (0, 1, 2**32) for p in Purpose for e in range(4) for x in range(4)]
    drawn = [number for s, p, e, x in addresses for number in random_integers(s, p, 16, e, x).tolist()]
    assert len(drawn) == 3 * len(Purpose) * 4 * 4 * 16
    assert len(set(drawn)) == len(drawn)


def test_the_numbers_of_the_purposes_are_part_of_what_a_seed_means():
    assert {purpose.name: int(purpose) for purpose in Purpose} == {
        "INITIAL_WEIGHTS": 1,
        "ORDER": 2,
        "TEST_SPLIT": 3,
        "DROPOUT": 4,
        "AUGMENTATION": 5,
        "BLOCKS": 6,
        "WINDOW": 7,
        "SHARDS": 8,
    }


@given(address=ADDRESSES, n=st.integers(0, 20))
def test_an_integer_is_two_words_the_first_one_low(address, n):
    seed, purpose, epoch, example = address
    drawn = random_words(seed, purpose, 2 * n, epoch, example).tolist()
    expected = [low + high * 2**32 for low, high in zip(drawn[::2], drawn[1::2], strict=True)]
    assert random_integers(seed, purpose, n, epoch, example).tolist() == expected


@given(address=ADDRESSES, n=st.integers(0, 50))
def test_uniforms_are_the_upper_53_bits_and_lie_in_0_to_1(address, n):
    seed, purpose, epoch, example = address
    u = uniforms(seed, purpose, n, epoch, example)
    expected = [(number >> 11) / 2**53 for number in random_integers(seed, purpose, n, epoch, example).tolist()]
    assert u.tolist() == expected
    assert ((u >= 0) & (u < 1)).all()


def test_uniforms_spread_evenly():
    n = 100_000
    u = uniforms(0, Purpose.ORDER, n, epoch=5)
    # Mean 1/2 with variance 1/12n; variance 1/12 with variance (1/80 − 1/144)/n. Within five standard deviations.
    assert abs(u.mean() - 1 / 2) <= 5 * sqrt(1 / 12 / n)
    assert abs(u.var() - 1 / 12) <= 5 * sqrt((1 / 80 - 1 / 144) / n)
    counts = np.bincount((u * 16).astype(int), minlength=16)
    assert (abs(counts - n / 16) <= 5 * sqrt(n / 16 * 15 / 16)).all()


def test_normals_are_standard_normal():
    n = 100_000
    g = normals(0, Purpose.INITIAL_WEIGHTS, n)
    # Mean 0 with variance 1/n, variance 1 with variance 2/n, E g³ = 0 with variance 15/n, E g⁴ = 3 with variance 96/n.
    assert abs(g.mean()) <= 5 / sqrt(n)
    assert abs((g**2).mean() - 1) <= 5 * sqrt(2 / n)
    assert abs((g**3).mean()) <= 5 * sqrt(15 / n)
    assert abs((g**4).mean() - 3) <= 5 * sqrt(96 / n)
    for bound in (0.5, 1.0, 2.0):
        share = erf(bound / sqrt(2))
        assert abs((abs(g) < bound).mean() - share) <= 5 * sqrt(share * (1 - share) / n)


def test_normals_are_made_of_two_uniforms_each():
    u = uniforms(3, Purpose.ORDER, 4).tolist()
    expected = [np.sqrt(-2 * np.log1p(-u[i])) * np.cos(2 * np.pi * u[i + 1]) for i in (0, 2)]
    np.testing.assert_allclose(normals(3, Purpose.ORDER, 2), expected, rtol=8 * np.finfo(float).eps)


@given(seed=st.integers(0, 2**64 - 1), purpose=PURPOSE, n=st.integers(0, 2000), epoch=WORD)
def test_a_permutation_names_each_row_once(seed, purpose, n, epoch):
    order = permutation(seed, purpose, n, epoch)
    assert order.dtype == np.int64
    assert np.sort(order).tolist() == [*range(n)]


def test_the_order_of_an_epoch_is_part_of_what_a_seed_means():
    assert permutation(0, Purpose.ORDER, 8, epoch=1).tolist() == [3, 2, 1, 5, 0, 6, 4, 7]


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    orders = [permutation(seed, Purpose.ORDER, 50, epoch).tolist() for seed in range(5) for epoch in range(5)]
    assert len({tuple(order) for order in orders}) == 25


def test_every_row_comes_first_equally_often():
    n, times = 10, 2000
    firsts = np.bincount([permutation(1, Purpose.ORDER, n, epoch)[0] for epoch in range(times)], minlength=n)
    assert (abs(firsts - times / n) <= 5 * sqrt(times / n * (1 - 1 / n))).all()
