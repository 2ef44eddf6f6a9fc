"""The few examples that are shown are those that a look at all at once would choose."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.training.evaluation import Evaluation
from pellucid.training.mistakes import Shown, shown_of, surest


@given(st.data(), st.integers(1, 40), st.integers(1, 8), st.integers(0, 3))
def test_portion_by_portion_the_same_are_chosen(data, n, most, levels) -> None:
    """Few levels of how sure, so that many are alike: of these the first comes first."""
    numbers = st.lists(st.integers(0, levels), min_size=3 * n, max_size=3 * n)
    logits = np.array(data.draw(numbers), np.float64).reshape(n, 3)
    y = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    X = np.arange(2.0 * n).reshape(n, 2)
    cuts = sorted(data.draw(st.sets(st.integers(1, n - 1), max_size=5))) if n > 1 else []
    at_once = shown_of(Evaluation(logits, y), X, y, most)
    shown: Shown | None = None
    for begin, end in zip([0, *cuts], [*cuts, n], strict=True):
        part = slice(begin, end)
        ours = shown_of(Evaluation(logits[part], y[part]), X[part], y[part], most, first_row=begin)
        shown = ours if shown is None else surest(shown, ours, most)
    assert shown is not None
    for one, other in zip(shown, at_once, strict=True):
        np.testing.assert_array_equal(one, other)
    wrong = int((logits.argmax(axis=1) != y).sum())
    assert shown.mistakes == min(wrong, most)
    assert len(shown.rows) == max(1, shown.mistakes)
    np.testing.assert_array_equal(X[shown.rows], shown.X)


def test_where_all_is_right_the_first_example_is_shown() -> None:
    logits, y = np.eye(3)[[2, 1]], np.array([2, 1])
    shown = shown_of(Evaluation(logits, y), np.array([[5.0], [6.0]]), y)
    assert (shown.rows.tolist(), shown.X.tolist(), shown.mistakes) == ([0], [[5.0]], 0)


def test_what_no_number_was_found_for_is_wrong_and_no_mistake_to_be_shown() -> None:
    logits = np.array([[np.nan, 1.0, 2.0], [np.inf, 0.0, 0.0], [3.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    found = Evaluation(logits, np.array([0, 0, 0, 1]))
    assert (found.accuracy, found.unanswered, found.taken_for.tolist()) == (0.25, 2, [-1, -1, 0, 0])
    assert found.confusion.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert found.mistakes[0].tolist() == [3]
    assert sum(each.examples for each in found.calibration[1]) == 2
    shown = shown_of(Evaluation(logits[:3], found.y[:3]), np.arange(3.0)[:, None], found.y[:3])
    assert (shown.rows.tolist(), shown.mistakes) == ([2], 0)
    nothing = Evaluation(logits[:2], found.y[:2])
    of_nothing = shown_of(nothing, np.arange(2.0)[:, None], nothing.y)
    assert of_nothing.mistakes == 0
    assert surest(of_nothing, shown).rows.tolist() == surest(shown, of_nothing).rows.tolist() == [2]
    assert np.isnan(nothing.calibration[0])
    assert nothing.calibration[1] == []
