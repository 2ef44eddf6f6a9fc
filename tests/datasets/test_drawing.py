"""From a drawing to a picture as MNIST has them: held against MNIST itself, and against what a drawing may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import datasets, load
from pellucid.datasets.drawing import (
    BOX,
    MOST_POINTS,
    MOST_STROKES,
    PEN,
    area_weights,
    normalised,
    of_picture,
    of_strokes,
    otsu_threshold,
)
from pellucid.errors import DataError, DataUnavailableError

MIDDLES = np.arange(28) + 0.5


@pytest.fixture(scope="module")
def digits():
    """1,000 of MNIST's test images, and what they are."""
    try:
        mnist = datasets.load("mnist")
    except DataUnavailableError:
        pytest.skip("MNIST is not on this machine")
    return mnist.X_test[:1000].reshape(-1, 28, 28), mnist.y_test[:1000]


def centre_of(picture):
    mass = picture.astype(float)
    return tuple((mass.sum(axis=axis) * MIDDLES).sum() / mass.sum() for axis in (1, 0))


def on_paper(picture, size=60, at=(16, 16)):
    paper = np.zeros((size, size))
    paper[at[0] : at[0] + picture.shape[0], at[1] : at[1] + picture.shape[1]] = picture
    return paper


def test_mnists_own_pictures_stay_as_they_are(digits):
    same = [np.array_equal(normalised(picture / 255).picture, picture) for picture in digits[0]]
    assert np.mean(same) >= 0.99


@pytest.mark.slow
def test_of_all_test_images_nearly_all_stay_as_they_are():
    pictures = datasets.load("mnist").X_test.reshape(-1, 28, 28)
    found = [normalised(picture / 255).picture for picture in pictures]
    assert sum(map(np.array_equal, found, pictures)) >= 9_990
    centres = np.array([centre_of(picture) for picture in found])
    assert ((centres > 14) & (centres <= 15)).all(axis=1).sum() >= 9_990


@pytest.mark.parametrize("at", [(0, 0), (32, 0), (5, 31), (16, 17)])
def test_the_place_of_a_digit_does_not_matter(digits, at):
    for picture in digits[0][:50]:
        assert np.array_equal(normalised(on_paper(picture / 255, 60, at)).picture, normalised(picture / 255).picture)


@pytest.mark.parametrize("enlarged", [2, 3, 10])
def test_a_digit_of_another_size_gets_mnists_frame_and_centre_again(digits, enlarged):
    # (A box of odd width lies half a pixel otherwise in its square than its enlargement does.)
    pictures = digits[0][:50]
    found = [normalised(np.kron(picture / 255, np.ones((enlarged, enlarged)))).picture for picture in pictures]
    for picture in found:
        assert max(np.ptp(np.flatnonzero(picture.any(axis=axis))) + 1 for axis in (0, 1)) in (BOX - 1, BOX)
        assert all(14 < centre <= 15 for centre in centre_of(picture))
    network = load("mnist")
    assert (network.predict(np.stack(found)) == network.predict(pictures)).mean() >= 0.98


def test_a_digit_that_is_moved_or_resized_is_read_again(digits):
    network, (pictures, labels) = load("mnist"), digits
    few, wanted = pictures[:300], labels[:300]
    moved = [on_paper(picture, 40, (11, 1))[6:34, 6:34] for picture in few]
    assert (network.predict(np.stack(moved)) == wanted).mean() < 0.6
    again = [normalised(on_paper(picture / 255, 40, (11, 1))).picture for picture in few]
    assert (network.predict(np.stack(again)) == wanted).mean() > 0.97


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=2, max_size=12))
def test_any_drawing_gets_mnists_frame_and_mnists_centre(points):
    line = np.array(points)
    if np.ptp(line, axis=0).max() < 1:
        return
    stages = of_strokes([line])
    picture = stages.picture
    assert (picture.shape, picture.dtype, picture.max()) == ((28, 28), np.uint8, 255)
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    assert BOX - 1 <= extent <= BOX
    assert all(13.5 < centre <= 15.5 for centre in centre_of(picture))  # clipped for the most extreme of shapes
    assert stages.fitted.shape == (BOX, BOX)
    assert stages.square.shape[0] == stages.square.shape[1]


@given(scale=st.floats(0.01, 1000), shift=st.tuples(st.floats(-900, 900), st.floats(-900, 900)))
def test_the_unit_and_the_place_of_strokes_do_not_matter(scale, shift):
    seven = np.array([(0.0, 0.0), (10.0, 0.0), (4.0, 16.0)])
    here, there = of_strokes([seven]).picture.astype(int), of_strokes([seven * scale + shift]).picture.astype(int)
    assert np.abs(here - there).max() <= 6  # the pen's edge may fall on the other side of a few points of the fine grid


def test_the_pen_is_as_wide_as_mnists_lines_whatever_the_size_of_the_drawing():
    for extent in (3, 30, 3000):
        picture = of_strokes([[(0, 0), (0, extent)]]).picture
        assert abs(picture[12].sum() / 255 - PEN) <= 0.2


def test_a_dot_stays_a_dot():
    picture = of_strokes([[(5, 5)]]).picture
    assert picture.max() == 255
    assert 3 <= (picture > 0).sum() <= 30


@pytest.mark.parametrize("inverted", [False, True])
def test_a_photo_is_read_whichever_side_is_paper(digits, inverted):
    network, (pictures, labels) = load("mnist"), digits
    said = []
    for picture in pictures[:100]:
        photo = 40 + 0.6 * np.kron(on_paper(picture, 40, (3, 9)), np.ones((4, 4)))
        said.append(network.predict(of_picture(255 - photo if inverted else photo).picture))
    assert np.mean(np.array(said) == labels[:100]) >= 0.96


def test_each_row_of_shares_adds_up_and_each_pixel_is_shared_out():
    for size in (10, 19, 20, 21, 37, 400):
        weights = area_weights(size, 20)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(weights.sum(axis=0), 20 / size, rtol=1e-9)
        assert (weights >= 0).all()
    assert np.array_equal(area_weights(20, 20), np.eye(20))


def test_the_threshold_lies_between_two_groups():
    rng = np.random.default_rng(0)
    dark, light = rng.uniform(0.0, 0.3, 400), rng.uniform(0.7, 1.0, 100)
    assert 0.29 < otsu_threshold(np.concatenate([dark, light])) < 0.71


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normalised(np.zeros((28, 28))), "nothing is drawn; expected some ink"),
        (lambda: normalised(np.zeros((0, 28))), r"the drawing has shape \(0, 28\)"),
        (
            lambda: normalised(np.zeros(784)),
            r"the drawing has shape \(784,\) and holds float64; expected \(height, width\)",
        ),
        (lambda: normalised(np.full((9, 9), np.nan)), "the drawing holds a number that is infinite or NaN"),
        (
            lambda: normalised(np.full((9, 9), 255)),
            "the drawing goes from 255 to 255; expected from 0, paper, to 1, ink",
        ),
        (lambda: normalised(np.array([["a"]])), "expected \\(height, width\\), numbers"),
        (lambda: of_picture(np.full((9, 9), 7)), "nothing is drawn: all pixels are alike"),
        (lambda: of_strokes([]), "nothing is drawn; expected at least one point"),
        (lambda: of_strokes([[]]), "nothing is drawn; expected at least one point"),
        (lambda: of_strokes([[(0, 0, 0)]]), r"a stroke has shape \(1, 3\)"),
        (lambda: of_strokes([[(0, np.inf)]]), "a stroke holds a point that is not finite"),
        (lambda: of_strokes([[(0, 1e7)]]), "or beyond a million"),
        (lambda: of_strokes([["a"]]), "a stroke is no list of points"),
        (lambda: of_strokes([[(0, 0), (1,)]]), "a stroke is no list of points"),
        (lambda: of_strokes([[(0, 0)]] * (MOST_STROKES + 1)), "there are 65 strokes; expected at most 64"),
        (lambda: of_strokes([np.zeros((MOST_POINTS + 1, 2))]), "there are 4,097 points; expected at most 4,096"),
    ],
)
def test_what_is_no_drawing_is_refused_in_a_sentence(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_a_full_page_and_a_single_pixel_are_drawings_too():
    full = normalised(np.ones((50, 50))).picture
    assert (full > 0).sum() == BOX * BOX
    assert normalised(np.pad([[1.0]], 30)).picture.max() == 255
