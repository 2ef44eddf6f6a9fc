from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from pellucid.equations.beyond.affine_map import affine_map, sine_and_cosine
from pellucid.equations.beyond.augmentation import Augmentation, augmented
from pellucid.equations.beyond.bilinear import bilinear
from pellucid.equations.beyond.elastic import elastic_displacement, gaussian_smoothing, usual_displacement
from pellucid.equations.random_streams import Purpose, random_words, uniforms
from pellucid.errors import SettingError

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
SEEDS = st.integers(0, 2**64 - 1)
EVERYTHING = Augmentation(rotation=15, scale=0.15, shear=0.2, shift=2, elastic_alpha=34, elastic_sigma=4)


def pictures(n=3, shape=(9, 7), channels=1, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, shape[0] * shape[1] * channels)).astype(dtype)


def distorted(X, shape=(9, 7), by=EVERYTHING, seed=0, epoch=1, examples=None):
    return augmented(X, shape, by, seed, epoch, np.arange(len(X)) if examples is None else np.array(examples))


def mapped(picture, rotation=0.0, scale=(1.0, 1.0), shear=0.0, shift=(0.0, 0.0)):
    sources = affine_map(np.array([rotation]), np.array([scale]), np.array([shear]), np.array([shift]), picture.shape)
    return bilinear(picture[np.newaxis], sources)[0]


# ---- The map -----------------------------------------------------------------------------------------------------------


@given(shape=SHAPES, turns=st.integers(-2, 2))
def test_a_quarter_turn_is_a_quarter_turn(shape, turns):
    picture = pictures(1, (shape[0], shape[0])).reshape(shape[0], shape[0])
    turned = mapped(picture, rotation=turns * np.pi / 2)
    np.testing.assert_allclose(turned, np.rot90(picture, -turns), atol=1e-9)


@given(x=st.integers(-4, 4), y=st.integers(-4, 4))
def test_a_shift_moves_right_and_down_and_leaves_nothing_behind(x, y):
    picture = pictures(1).reshape(9, 7)
    expected = np.zeros((9, 7))
    for row in range(9):
        for column in range(7):
            if 0 <= row - y < 9 and 0 <= column - x < 7:
                expected[row, column] = picture[row - y, column - x]
    np.testing.assert_array_equal(mapped(picture, shift=(float(x), float(y))), expected)


def test_a_scale_above_1_makes_a_picture_larger_about_its_middle():
    picture = np.zeros((5, 5))
    picture[2, 2] = 100
    assert mapped(picture, scale=(2.0, 1.0))[2].tolist() == [0, 50, 100, 50, 0]
    assert mapped(picture, scale=(1.0, 2.0))[:, 2].tolist() == [0, 50, 100, 50, 0]


def test_a_slant_moves_what_is_below_to_the_right():
    picture = np.zeros((5, 5))
    picture[:, 2] = 100
    slanted = mapped(picture, shear=1.0)
    assert np.argwhere(slanted == 100).tolist() == [[i, i] for i in range(5)]


@given(data=st.data(), shape=SHAPES)
def test_the_map_undoes_itself_point_by_point(data, shape):
    """The source of a pixel, turned, slanted, stretched and shifted by plain matrices, is the pixel again."""
    number = st.floats(-1, 1)
    rotation, shear = np.pi * data.draw(number), data.draw(number)
    scale = np.array([1 + 0.5 * data.draw(number), 1 + 0.5 * data.draw(number)])
    shift = np.array([3 * data.draw(number), 3 * data.draw(number)])
    sources = affine_map(np.array([rotation]), scale[np.newaxis], np.array([shear]), shift[np.newaxis], shape)[0]
    middle = (np.array(shape)[::-1, np.newaxis, np.newaxis] - 1) / 2
    R = np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
    H, S = np.array([[1, shear], [0, 1]]), np.diag(scale)
    targets = np.einsum("ij,jrc->irc", R @ H @ S, sources - middle) + middle + shift[:, np.newaxis, np.newaxis]
    y, x = np.mgrid[: shape[0], : shape[1]]
    np.testing.assert_allclose(targets, [x, y], atol=1e-12)


@given(angle=st.floats(-np.pi, np.pi))
def test_sine_and_cosine_are_those_of_the_library(angle):
    sine, cosine = sine_and_cosine(np.array([angle]))
    assert abs(sine[0] - np.sin(angle)) < 1e-14
    assert abs(cosine[0] - np.cos(angle)) < 1e-14


# ---- The displacement --------------------------------------------------------------------------------------------------


@given(shape=SHAPES, sigma=st.floats(0.3, 5), alpha=st.floats(0, 50))
def test_a_displacement_is_the_smoothing_of_an_image_library(shape, sigma, alpha):
    U = np.random.default_rng(0).uniform(-1, 1, (2, *shape))
    smoothed = [ndimage.gaussian_filter(u, sigma, mode="constant", truncate=12) for u in U]
    np.testing.assert_allclose(
        elastic_displacement(U, alpha, sigma), alpha * np.array(smoothed), atol=1e-10 * max(alpha, 1)
    )


@given(size=st.integers(1, 30), sigma=st.floats(0.1, 20))
def test_smoothing_adds_nothing_and_favours_no_side(size, sigma):
    G = gaussian_smoothing(size, sigma)
    assert (G == G.T).all()
    assert (G.sum(axis=1) <= 1 + 1e-12).all()
    np.testing.assert_allclose(G, G[::-1, ::-1], rtol=1e-15)


def test_in_the_middle_of_a_large_picture_pixels_move_as_far_as_is_said():
    by = Augmentation(elastic_alpha=20, elastic_sigma=3)
    shape, examples = (61, 61), np.arange(200)
    still = Augmentation().sources(shape, 0, 0, examples)
    D = (by.sources(shape, 0, 0, examples) - still)[..., 20:41:10, 20:41:10]
    # 3,600 numbers, of which neighbours 10 pixels apart are nearly independent: their spread is known to about 1.2 %.
    assert abs(np.sqrt(np.mean(D**2)) / usual_displacement(20, 3) - 1) < 0.05
    assert abs(np.mean(D)) < 0.05 * usual_displacement(20, 3)


# ---- The look-up -------------------------------------------------------------------------------------------------------


@given(shape=SHAPES, seed=st.integers(0, 2**32))
def test_looking_up_is_that_of_an_image_library(shape, seed):
    rng = np.random.default_rng(seed)
    picture, sources = rng.uniform(0, 255, shape), rng.uniform(-3, 15, (1, 2, 4, 5))
    expected = ndimage.map_coordinates(picture, sources[0, ::-1], order=1, mode="grid-constant")
    np.testing.assert_allclose(bilinear(picture[np.newaxis], sources)[0], expected, atol=1e-10)


# ---- All of it ---------------------------------------------------------------------------------------------------------


@given(shape=SHAPES, seed=SEEDS, channels=st.integers(1, 3))
def test_strengths_of_0_change_nothing(shape, seed, channels):
    X = pictures(2, shape, channels)
    assert distorted(X, (*shape, channels), Augmentation(), seed).tobytes() == X.tobytes()


@given(examples=st.permutations(range(8)), cut=st.integers(1, 8))
def test_an_example_is_distorted_alike_whatever_batch_it_is_in(examples, cut):
    X = pictures(8)
    batch = examples[:cut]
    assert distorted(X[batch], examples=batch).tobytes() == distorted(X)[batch].tobytes()


def test_epochs_seeds_and_examples_differ():
    X = np.repeat(pictures(1), 2, axis=0)
    one = distorted(X)
    others = [distorted(X, epoch=2), distorted(X, seed=1), distorted(X, examples=[2, 3])]
    assert (one[0] != one[1]).any()
    assert all((one != other).any() for other in others)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64])
def test_pixels_are_rounded_where_they_are_bytes_and_nowhere_else(dtype):
    exact = distorted(pictures(dtype=np.float64))
    found = distorted(pictures(dtype=dtype))
    if dtype == np.uint8:
        assert found.tolist() == np.rint(exact).tolist()
    else:
        assert found.dtype == (np.float32 if dtype == np.float32 else np.float64)
        np.testing.assert_array_equal(found, exact.astype(found.dtype))


def test_channels_are_distorted_alike():
    one = pictures()
    three = np.repeat(one.reshape(3, 9, 7, 1), 3, axis=3).reshape(3, -1)
    found = distorted(three, (9, 7, 3)).reshape(3, 9, 7, 3)
    for channel in range(3):
        assert found[..., channel].reshape(3, -1).tolist() == distorted(one).tolist()


def test_an_example_reads_the_numbers_of_its_own_address():
    u = 2 * uniforms(5, Purpose.AUGMENTATION, 6, epoch=3, example=7) - 1
    x, y = Augmentation(shift=2).sources((3, 4), 5, 3, np.array([7]))[0]
    assert (x[0, 0], y[0, 0]) == (-1.5 - 2 * u[4] + 1.5, -1 - 2 * u[5] + 1)
    words = random_words(5, Purpose.AUGMENTATION + 65536, 6, epoch=3, example=7)
    b = np.frombuffer(words.astype("<u4").tobytes(), np.uint8).reshape(2, 3, 4)
    by = Augmentation(elastic_alpha=1, elastic_sigma=0.1)  # so little smoothing that there is none
    moved = by.sources((3, 4), 5, 3, np.array([7])) - Augmentation().sources((3, 4), 5, 3, np.array([7]))
    np.testing.assert_allclose(moved[0], (b + 0.5) / 128 - 1, atol=1e-12)


# ---- Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [each.name for each in fields(Augmentation)])
@pytest.mark.parametrize("value", [-1, np.nan, np.inf, True, "much", None, 10**400])
def test_a_strength_that_is_none_is_refused(name, value):
    with pytest.raises(SettingError, match=f"{name.removeprefix('elastic_')} of the augmentation is"):
        Augmentation(**{name: value})


@pytest.mark.parametrize(
    ("strength", "message"),
    [
        ({"rotation": 181}, "rotation of the augmentation is 181; expected from 0 to 180 degrees"),
        ({"scale": 1}, "scale of the augmentation is 1; expected a share, at least 0 and below 1"),
        ({"shear": 3}, "shear of the augmentation is 3; expected the tangent of the slant, from 0 to 2"),
        ({"elastic_sigma": 0.01}, "sigma of the augmentation is 0.01; expected pixels, from 0.1 to 1,000"),
    ],
)
def test_a_strength_out_of_range_is_refused(strength, message):
    with pytest.raises(SettingError, match=message):
        Augmentation(**strength)


@pytest.mark.parametrize(
    ("by", "shape", "message"),
    [
        (EVERYTHING, (63,), r"augmentation distorts pictures, but an example has the shape \(63,\)"),
        (Augmentation(shift=5), (9, 7), r"shifts by up to 5 pixels; expected at most 3.5, half of the picture"),
        (
            Augmentation(elastic_alpha=100, elastic_sigma=2),
            (9, 7),
            "elastic distortion moves a pixel by 8.14 as a rule",
        ),
    ],
)
def test_pictures_of_which_nothing_would_be_left_are_refused(by, shape, message):
    with pytest.raises(SettingError, match=message):
        by.check_pictures(shape)
