from __future__ import annotations

import numpy as np
import pytest

from pellucid.equations.affine import (
    affine,
    affine_backward,
    affine_backward_input,
    affine_backward_parameters,
)

EPS = np.finfo(np.float64).eps

W = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
B = [0.5, -0.5]
A = [[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]
DZ = [[1.0, 2.0], [-1.0, 3.0]]


def test_each_row_of_z_is_the_weighted_sum_of_its_row_of_a_plus_the_bias(frozen):
    # Row 0: 1·1 + 2·0 − 3·1 + 0.5 = −1.5 and 4 − 6 − 0.5 = −2.5.  Row 1: 2 + 2 + 0.5 and 8 + 5 − 0.5.
    z = affine(frozen(A), frozen(W), frozen(B))
    assert z.tolist() == [[-1.5, -2.5], [4.5, 12.5]]


def test_da_sums_over_the_neurons_above(frozen):
    # Row 0: (1·1 + 2·4, 1·2 + 2·5, 1·3 + 2·6).  Row 1: (−1 + 12, −2 + 15, −3 + 18).
    assert affine_backward_input(frozen(DZ), frozen(W)).tolist() == [[9.0, 12.0, 15.0], [11.0, 13.0, 15.0]]


def test_dW_and_db_sum_over_the_examples(frozen):
    # dW_0: 1·(1, 0, −1) − 1·(2, 1, 0).  dW_1: 2·(1, 0, −1) + 3·(2, 1, 0).
    gradient = affine_backward_parameters(frozen(DZ), frozen(A))
    assert gradient.W.tolist() == [[-1.0, -1.0, -1.0], [8.0, 3.0, -2.0]]
    assert gradient.b.tolist() == [0.0, 5.0]


def test_for_one_example_dW_is_the_outer_product_of_dz_and_a():
    dz, a = np.array([[2.0, -3.0]]), np.array([[5.0, 7.0, 0.0]])
    assert affine_backward_parameters(dz, a).W.tolist() == np.outer(dz, a).tolist()


def test_affine_backward_gives_all_three_in_forward_order(frozen):
    da, dW, db = affine_backward(frozen(DZ), frozen(A), frozen(W))
    assert da.tolist() == affine_backward_input(frozen(DZ), frozen(W)).tolist()
    assert (dW.tolist(), db.tolist()) == ([[-1.0, -1.0, -1.0], [8.0, 3.0, -2.0]], [0.0, 5.0])


def test_the_way_back_is_the_slope_of_the_way_forward():
    # L = Σ dz ⊙ affine(a, W, b) is linear in each argument: its slope is a difference, exact but for rounding.
    rng = np.random.default_rng(0)
    a, W, b, dz = (rng.normal(size=shape) for shape in ((4, 3), (5, 3), (5,), (4, 5)))
    largest = np.abs(dz).sum() * (np.abs(a).max() + 1) * (np.abs(W).max() + 1) * 3

    def slope(of):
        argument = {"a": a, "W": W, "b": b}[of]
        slopes = np.empty_like(argument)
        for place in np.ndindex(argument.shape):
            moved = {"a": a, "W": W, "b": b} | {of: argument.copy()}
            moved[of][place] += 1.0
            slopes[place] = (dz * affine(**moved)).sum() - (dz * affine(a, W, b)).sum()
        return slopes

    for of, gradient in zip(("a", "W", "b"), affine_backward(dz, a, W), strict=True):
        np.testing.assert_allclose(gradient, slope(of), rtol=0, atol=20 * EPS * largest)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_affine_layer_keeps_the_type_of_its_numbers(frozen, dtype):
    a, W_, b, dz = (frozen(numbers, dtype) for numbers in (A, W, B, DZ))
    results = (affine(a, W_, b), *affine_backward(dz, a, W_), *affine_backward_parameters(dz, a))
    assert {result.dtype for result in results} == {np.dtype(dtype)}
