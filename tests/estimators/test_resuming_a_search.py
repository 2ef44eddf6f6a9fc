"""A search by L-BFGS that is killed goes on over what it had asked for, to the bit."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, make_scorer

from pellucid import MLPClassifier, MLPRegressor
from pellucid.errors import RunFolderError
from pellucid.estimators.kept_search import SEARCH


class KilledError(Exception):
    """Stands for whatever ends a process."""


def killed_at(iteration: int):
    def listener(record) -> None:
        if record.epoch == iteration:
            raise KilledError

    return listener


def told(estimator):
    """What a search has shown."""
    return estimator.history_, estimator.n_iter_, estimator.loss_, estimator.best_loss_


def counted(estimator, asked: list[int]):
    """Count each pass over the examples."""
    engine_of = estimator._engine

    def engine(dtype):
        found = engine_of(dtype)
        compute = found.loss_and_gradients

        def counting(*args, **kwargs):
            asked.append(1)
            return compute(*args, **kwargs)

        object.__setattr__(found, "loss_and_gradients", counting)
        return found

    estimator._engine = engine
    return estimator


WAYS = {
    "plain": {},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "standardized": {"standardize": True, "alpha": 0.1},
    "few evaluations": {"max_fun": 14},
}


@pytest.mark.parametrize("iteration", [1, 4])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_search_that_is_killed_ends_as_one_that_was_not(
    way, iteration, kind, engine, problem, bits, patiently, tmp_path
) -> None:
    if (way, engine) == ("bfloat16", "reference"):
        pytest.skip("the reference engine has no bfloat16")
    X, y = problem("breast cancer" if kind is MLPClassifier else "diabetes")
    settings = {"solver": "lbfgs", "max_iter": 12, "random_state": 3, "engine": engine, **WAYS[way]}
    whole, killed = (kind(hidden_layer_sizes=(9, 5), **settings) for _ in range(2))
    patiently(whole.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=killed_at(iteration)).fit, X, y, checkpoint=tmp_path)
    heard = []
    killed.set_params(callbacks=lambda record: heard.append(record.epoch))
    patiently(killed.fit, X, y, checkpoint=tmp_path)
    assert bits(killed) == bits(whole)
    assert told(killed) == told(whole)
    assert heard == list(range(iteration + 1, whole.n_iter_ + 1))


def test_what_was_asked_for_is_not_computed_again(kind, problem, bits, patiently, tmp_path) -> None:
    X, y = problem("iris")
    settings = {"solver": "lbfgs", "max_iter": 15, "random_state": 0, "engine": "reference"}
    first, second, again = (kind(hidden_layer_sizes=(5,), **settings) for _ in range(3))
    passes: list[list[int]] = [[], [], []]
    with pytest.raises(KilledError):
        patiently(counted(first.set_params(callbacks=killed_at(7)), passes[0]).fit, X, y, checkpoint=tmp_path)
    patiently(counted(second, passes[1]).fit, X, y, checkpoint=tmp_path)

    def never(record) -> None:
        pytest.fail("it was searched again")

    patiently(counted(again.set_params(callbacks=never), passes[2]).fit, X, y, checkpoint=tmp_path)
    alone: list[int] = []
    patiently(counted(kind(hidden_layer_sizes=(5,), **settings), alone).fit, X, y)
    assert min(len(passes[0]), len(passes[1])) > 0
    assert len(passes[0]) + len(passes[1]) == len(alone)
    assert passes[2] == []
    assert (bits(again), told(again)) == (bits(second), told(second))


def test_what_was_judged_is_not_judged_again(problem, patiently, tmp_path) -> None:
    X, y = problem("iris")
    judged = []

    def measure(estimator, X_val, y_val) -> float:
        judged.append(1)
        return accuracy_score(y_val, estimator.predict(X_val))

    settings = {"solver": "lbfgs", "max_iter": 8, "random_state": 0, "scoring": measure}
    killed = MLPClassifier((5,), callbacks=killed_at(5), **settings)
    with pytest.raises(KilledError):
        patiently(killed.fit, X, y, X_val=X, y_val=y, checkpoint=tmp_path)
    goes_on = MLPClassifier((5,), **settings)
    patiently(goes_on.fit, X, y, X_val=X, y_val=y, checkpoint=tmp_path)
    assert len(judged) == 8
    usual = patiently(
        MLPClassifier((5,), **{**settings, "scoring": make_scorer(accuracy_score)}).fit, X, y, X_val=X, y_val=y
    )
    assert goes_on.history_ == usual.history_


def test_a_search_that_goes_on_from_another_fit_is_known_by_where_it_began(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("wine")
    whole, killed = (MLPClassifier((9,), solver="lbfgs", max_iter=4, random_state=0, warm_start=True) for _ in range(2))
    for each in (whole, killed):
        patiently(each.fit, X, y)
    patiently(whole.fit, X, y)
    before = clone(killed)
    patiently(before.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=killed_at(2)).fit, X, y, checkpoint=tmp_path)
    patiently(before.fit, X, y, checkpoint=tmp_path)
    assert bits(before) == bits(whole)
    with pytest.raises(RunFolderError, match=r"settings\.began_with was"):
        patiently(before.fit, X, y, checkpoint=tmp_path)  # it would go on from where it stands now


def test_a_seed_that_nobody_gave_is_drawn_once_and_kept_with_the_search(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("wine")
    settings = {"solver": "lbfgs", "max_iter": 6}
    killed = MLPClassifier((9,), callbacks=killed_at(3), **settings)
    with pytest.raises(KilledError):
        patiently(killed.fit, X, y, checkpoint=tmp_path)
    patiently(killed.set_params(callbacks=None).fit, X, y, checkpoint=tmp_path)
    seed = int((tmp_path / "seed").read_text())
    whole = patiently(MLPClassifier((9,), random_state=seed, **settings).fit, X, y)
    assert (bits(killed), told(killed)) == (bits(whole), told(whole))


def test_two_searches_in_one_folder_are_refused(problem, patiently, tmp_path) -> None:
    X, y = problem("iris")
    settings = {"solver": "lbfgs", "max_iter": 2, "random_state": 0}
    refused = []

    def search_beside(record) -> None:
        with pytest.raises(RunFolderError, match=r"another process is training in .*checkpoint=DIR"):
            MLPClassifier((5,), **settings).fit(X, y, checkpoint=tmp_path)
        refused.append(record.epoch)

    patiently(MLPClassifier((5,), callbacks=search_beside, **settings).fit, X, y, checkpoint=tmp_path)
    assert refused == [1, 2]


def test_sparse_examples_are_searched_on_too(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("digits")
    X = csr_matrix(X * (np.abs(X) > 1))
    whole, killed = (MLPClassifier((9,), solver="lbfgs", max_iter=5, random_state=0) for _ in range(2))
    patiently(whole.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=killed_at(2)).fit, X, y, checkpoint=tmp_path)
    patiently(killed.set_params(callbacks=None).fit, X, y, checkpoint=tmp_path)
    assert bits(killed) == bits(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_layer_sizes": (6,)}, "its network is 5 relu, 3 softmax by cross_entropy, this one 6 relu"),
        ({"alpha": 0.5}, r"settings\.alpha was 0\.0001, is 0\.5"),
        ({"random_state": 1}, r"settings\.seed was 0, is 1"),
        ({"tol": 0.1}, r"settings\.tol was 0\.0001, is 0\.1"),
        ({"max_iter": 5}, r"settings\.max_iter was 4, is 5"),
        ({"max_fun": 50}, r"settings\.max_fun was 15000, is 50"),
        ({"precision": "float32"}, r"settings\.precision was float64, is float32"),
        ({"engine": "reference"}, r"engine\.name was native, is reference"),
        ({"solver": "adam"}, r"settings\.solver was lbfgs, is adam"),
    ],
)
def test_a_folder_of_another_search_says_what_differs_and_what_to_do(
    native, problem, patiently, tmp_path, change, words
) -> None:
    X, y = problem("iris")
    fitted = MLPClassifier((5,), solver="lbfgs", max_iter=4, random_state=0)
    patiently(fitted.fit, X, y, checkpoint=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    advice = r"\. Go on with the settings of the fit, or name another folder for this one\.$"
    with pytest.raises(RunFolderError, match=f"holds another fit: .*{words}.*{advice}"):
        patiently(clone(fitted).set_params(**change).fit, X, y, checkpoint=tmp_path)
    with pytest.raises(RunFolderError, match="holds another fit: the data is not the same"):
        patiently(clone(fitted).fit, X + 1e-9, y, checkpoint=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_of_a_fit_in_epochs_is_refused_too(problem, patiently, tmp_path) -> None:
    X, y = problem("iris")
    patiently(MLPClassifier((5,), max_iter=2, random_state=0).fit, X, y, checkpoint=tmp_path)
    with pytest.raises(RunFolderError, match=r"solver was that of a fit in epochs, is lbfgs\. Go on with"):
        patiently(MLPClassifier((5,), solver="lbfgs", random_state=0).fit, X, y, checkpoint=tmp_path)


def test_wherever_it_is_cut_or_spoiled_a_search_ends_the_same(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("iris")
    settings = {"solver": "lbfgs", "max_iter": 3, "random_state": 0, "engine": "reference"}
    fitted = patiently(MLPClassifier((2,), **settings).fit, X[:, :2], y, checkpoint=tmp_path / "whole")
    journal = (tmp_path / "whole" / SEARCH).read_bytes()
    rng = np.random.default_rng(0)

    def ends_the_same(content: bytes) -> list[str]:
        folder = tmp_path / "other"
        folder.mkdir()
        (folder / SEARCH).write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ours = MLPClassifier((2,), **settings).fit(X[:, :2], y, checkpoint=folder)
        assert (bits(ours), told(ours)) == (bits(fitted), told(fitted))
        assert (folder / SEARCH).read_bytes() == journal
        shutil.rmtree(folder)
        return [str(each.message) for each in caught if "SciPy" in str(each.message) or "spoiled" in str(each.message)]

    for length in {*range(0, len(journal), 23), len(journal) - 1}:
        assert ends_the_same(journal[:length]) == []  # torn by a kill: nothing to be said
    for _ in range(40):
        spoiled = bytearray(journal)
        spoiled[rng.integers(len(journal))] ^= 1 << rng.integers(8)
        ends_the_same(bytes(spoiled))
    (said,) = ends_the_same(journal[:-1] + bytes([journal[-1] ^ 1]))
    assert "search.journal is spoiled. The fit goes on after" in said
    assert said.endswith("to the same end.")
    first_content = journal[:50] + bytes([journal[50] ^ 1]) + journal[51:]
    assert ends_the_same(first_content) == [
        f"{tmp_path / 'other' / SEARCH} is spoiled. The fit goes on from its beginning, to the same end."
    ]


def test_answers_to_other_questions_do_not_count(problem, bits, patiently, tmp_path, monkeypatch) -> None:
    """As where another SciPy steps otherwise: what is kept then belongs to points that nobody asks for."""
    import scipy.optimize

    X, y = problem("iris")
    minimize = scipy.optimize.minimize
    ours, whole = (MLPClassifier((5,), solver="lbfgs", max_iter=8, random_state=0) for _ in range(2))
    other_memory = {"maxcor": 2}

    def other_scipy(function, start, **arguments):
        arguments["options"] |= other_memory
        return minimize(function, start, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(scipy.optimize, "minimize", other_scipy)
        elsewhere = patiently(clone(ours).fit, X, y, checkpoint=tmp_path)
    said = r"another way than the search takes now after \d evaluations, as of another SciPy"
    with pytest.warns(UserWarning, match=said) as caught, pytest.warns(ConvergenceWarning):
        ours.fit(X, y, checkpoint=tmp_path)
    assert {each.filename for each in caught} == {__file__}  # where the user stands, not within SciPy
    patiently(whole.fit, X, y)
    assert bits(ours) == bits(whole) != bits(elsewhere)


def test_a_disk_that_fills_up_is_warned_of_once_and_what_is_kept_still_counts(
    problem, bits, patiently, tmp_path, monkeypatch
) -> None:
    from pellucid.training import journal

    X, y = problem("iris")
    ours, whole = (MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=9, random_state=0) for _ in range(2))
    patiently(whole.fit, X, y)
    grown, growing = [], journal.Journal._growing

    def full_after_nine(self):
        grown.append(1)
        if len(grown) > 9:
            raise OSError(28, "No space left on device")
        return growing(self)

    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        patch.setattr(journal.Journal, "_growing", full_after_nine)
        warnings.simplefilter("always")
        ours.fit(X, y, checkpoint=tmp_path)
    (said,) = [str(each.message) for each in caught if "goes on in memory" in str(each.message)]
    assert said.startswith(
        f"{tmp_path / SEARCH} could not be written: no space left on device. The fit goes on in memory"
    )
    assert bits(ours) == bits(whole)
    asked: list[int] = []
    again = counted(clone(ours), asked)
    patiently(again.fit, X, y, checkpoint=tmp_path)
    assert bits(again) == bits(whole)
    assert 0 < len(asked) < whole.n_iter_


def test_a_folder_that_cannot_be_made_is_warned_of_and_the_search_goes_on(problem, bits, tmp_path) -> None:
    X, y = problem("iris")
    (tmp_path / "file").write_text("")
    ours, whole = (MLPClassifier((5,), solver="lbfgs", max_iter=3, random_state=0) for _ in range(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours.fit(X, y, checkpoint=tmp_path / "file" / "fit")
        whole.fit(X, y)
    (said,) = [str(each.message) for each in caught if "goes on in memory" in str(each.message)]
    assert "fit cannot be made: not a directory" in said
    assert bits(ours) == bits(whole)


TO_THE_END = """
import sys, warnings
warnings.simplefilter("ignore")
from sklearn.datasets import load_digits
from pellucid import MLPClassifier
X, y = load_digits(return_X_y=True)
est = MLPClassifier((64,), solver="lbfgs", max_iter=150, tol=0.0, random_state=0, standardize=True, engine=sys.argv[1])
print("begins", flush=True)
est.fit(X, y, checkpoint=sys.argv[2], checkpoint_seconds=0.02).save(sys.argv[2] + ".safetensors")
"""


@pytest.mark.slow
def test_searches_killed_at_random_moments_end_with_the_bytes_of_one_never_stopped(
    engine, killed_fits_end_alike
) -> None:
    killed_fits_end_alike(TO_THE_END, engine, kills=10, seed=2, share=0.5)
