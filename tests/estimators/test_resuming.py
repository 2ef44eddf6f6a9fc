"""A fit that is killed goes on, to the bit, and says what it is that a folder holds."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import f1_score, make_scorer, recall_score

from pellucid import MLPClassifier, MLPRegressor
from pellucid.errors import RunFolderError, SettingError
from pellucid.training.callbacks import Callback, Progress

AT_ONCE = 1e-9


class KilledError(Exception):
    """Stands for whatever ends a process within an epoch."""


class KillAt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_progress(self, progress: Progress) -> None:
        if progress.epoch == self.epoch and progress.rows > progress.rows_of_epoch / 2:
            raise KilledError


WAYS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "adam in float32": {"precision": "float32"},
    "adamw": {"solver": "adamw", "learning_rate": "one-cycle"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "shuffle": False},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "learning_rate_init": 0.02},
    "averaging": {"average_epochs": 3},
    "dropout": {"dropout": 0.2, "input_dropout": 0.1, "max_norm": 1.0, "max_grad_norm": 0.5},
}


def told(estimator):
    """What a fit has shown, but for the clock."""
    clocks = {"seconds", "rows_per_second"}
    history = [{name: value for name, value in line.items() if name not in clocks} for line in estimator.history_]
    names = ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_")
    return history, [getattr(estimator, name) for name in names], estimator.best_epoch_


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_fit_killed_within_an_epoch_ends_as_one_that_was_not(
    way, kind, engine, problem, bits, patiently, tmp_path
) -> None:
    X, y = problem("breast cancer" if kind is MLPClassifier else "diabetes")
    settings = {"batch_size": 32, "max_iter": 6, "random_state": 3, "engine": engine, **WAYS[way]}
    whole, killed = (
        kind(hidden_layer_sizes=(9, 5), **settings),
        kind(hidden_layer_sizes=(9, 5), **settings, callbacks=[KillAt(4)]),
    )
    patiently(whole.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.fit, X, y, checkpoint=tmp_path / "fit", checkpoint_seconds=AT_ONCE)
    assert not hasattr(killed, "coefs_")
    killed.set_params(callbacks=None)
    patiently(killed.fit, X, y, checkpoint=tmp_path / "fit")
    assert bits(killed) == bits(whole)
    assert told(killed) == told(whole)
    assert killed.get_params() == whole.get_params()


def test_what_has_ended_is_at_its_end_at_once(kind, problem, bits, patiently, tmp_path) -> None:
    X, y = problem("iris")
    first, again = (kind(hidden_layer_sizes=(5,), max_iter=4, random_state=0) for _ in range(2))
    patiently(first.fit, X, y, checkpoint=tmp_path)

    def never(record) -> None:
        pytest.fail("it was trained again")

    patiently(again.set_params(callbacks=never).fit, X, y, checkpoint=str(tmp_path))
    assert (bits(again), told(again)) == (bits(first), told(first))


def test_sparse_examples_go_on_too(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("digits")
    X = csr_matrix(X * (np.abs(X) > 1))
    whole, killed = (MLPClassifier((9,), max_iter=3, random_state=0) for _ in range(2))
    patiently(whole.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=[KillAt(2)]).fit, X, y, checkpoint=tmp_path, checkpoint_seconds=AT_ONCE)
    patiently(killed.set_params(callbacks=None).fit, X, y, checkpoint=tmp_path)
    assert bits(killed) == bits(whole)


def test_a_seed_that_nobody_gave_is_drawn_once_and_kept_with_the_checkpoints(
    problem, bits, patiently, tmp_path
) -> None:
    X, y = problem("wine")
    killed, other = (MLPClassifier((9,), max_iter=3, early_stopping=True) for _ in range(2))
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=[KillAt(2)]).fit, X, y, checkpoint=tmp_path, checkpoint_seconds=AT_ONCE)
    patiently(killed.set_params(callbacks=None).fit, X, y, checkpoint=tmp_path)
    patiently(other.fit, X, y, checkpoint=tmp_path / "other")
    seed = int((tmp_path / "seed").read_text())
    whole = patiently(MLPClassifier((9,), max_iter=3, early_stopping=True, random_state=seed).fit, X, y)
    assert bits(killed) == bits(whole) != bits(other)
    (tmp_path / "seed").write_text("seven")
    with pytest.raises(RunFolderError, match=r"seed is spoiled; expected the seed of the fit\. Name another folder"):
        patiently(killed.fit, X, y, checkpoint=tmp_path)


def test_a_warm_start_goes_on_too(problem, bits, patiently, tmp_path) -> None:
    X, y = problem("wine")
    whole, killed = (MLPClassifier((9,), batch_size=20, max_iter=3, random_state=0, warm_start=True) for _ in range(2))
    for each in (whole, killed):
        patiently(each.fit, X, y)
    patiently(whole.fit, X, y)
    with pytest.raises(KilledError):
        patiently(killed.set_params(callbacks=[KillAt(2)]).fit, X, y, checkpoint=tmp_path, checkpoint_seconds=AT_ONCE)
    patiently(killed.set_params(callbacks=None).fit, X, y, checkpoint=tmp_path)
    assert (bits(killed), told(killed)) == (bits(whole), told(whole))
    with pytest.raises(RunFolderError, match=r"settings\.began_with was"):
        patiently(killed.fit, X, y, checkpoint=tmp_path)  # it would go on from where it stands now


@pytest.mark.parametrize(
    ("scoring", "another"),
    [
        (lambda estimator, X, y: 0.5 * estimator.score(X, y), lambda estimator, X, y: 7.0),
        (make_scorer(recall_score, average="macro"), make_scorer(f1_score, average="macro")),
        (make_scorer(f1_score, average="macro"), make_scorer(f1_score, average="micro")),
        (make_scorer(lambda y, found: 1.0), make_scorer(lambda y, found: 2.0)),
    ],
)
def test_a_fit_that_was_measured_otherwise_is_another(problem, patiently, tmp_path, scoring, another) -> None:
    X, y = problem("iris")
    settings = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "early_stopping": True}
    fit = MLPClassifier(scoring=scoring, **settings).fit
    patiently(fit, X, y, checkpoint=tmp_path)
    patiently(fit, X, y, checkpoint=tmp_path)
    with pytest.raises(RunFolderError, match=r"holds another fit: .*scoring was"):
        patiently(MLPClassifier(scoring=another, **settings).fit, X, y, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden_layer_sizes": (6,)}, "its network is 5 relu, 3 softmax by cross_entropy, this one 6 relu"),
        ({"label_smoothing": 0.1}, r"its loss was cross_entropy, this one cross_entropy with label_smoothing 0\.1"),
        ({"standardize": True}, "its network scales its inputs otherwise"),
        ({"alpha": 0.5}, r"settings\.extras was .*, is .*"),
        ({"random_state": 1}, r"settings\.seed was 0, is 1"),
        ({"tol": 0.1}, r"settings\.tol was 0\.0001, is 0\.1"),
        ({"solver": "sgd"}, r"settings\.solver was adam, is nesterov"),
        ({"max_iter": 5}, r"settings\.epochs was 4, is 5"),
        ({"precision": "float32"}, r"settings\.precision was float64, is float32"),
        ({"engine": "reference"}, r"engine\.name was native, is reference"),
    ],
)
def test_a_folder_of_another_fit_says_what_differs_and_what_to_do(
    native, problem, patiently, tmp_path, change, words
) -> None:
    X, y = problem("iris")
    fitted = patiently(MLPClassifier((5,), max_iter=4, random_state=0).fit, X, y, checkpoint=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    advice = r"\. Go on with the settings of the fit, or name another folder for this one\.$"
    with pytest.raises(RunFolderError, match=f"holds another fit: .*{words}.*{advice}"):
        patiently(clone(fitted).set_params(**change).fit, X, y, checkpoint=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_of_other_data_says_so(problem, patiently, tmp_path) -> None:
    X, y = problem("iris")
    fitted = patiently(MLPClassifier((5,), max_iter=2, random_state=0).fit, X, y, checkpoint=tmp_path)
    other = X.copy()
    other[7, 1] += 1e-9
    pattern = (
        r"holds another fit: the data is not the same: it was 150 examples of 4 numbers \(\w{12}…\), is 150 .*\. "
        r"Go on with the data of the fit, or name another folder for this one\."
    )
    for X_now, y_now, more in ((other, y, {}), (X, np.roll(y, 1), {}), (X, y, {"sample_weight": np.arange(150.0)})):
        with pytest.raises(RunFolderError, match=pattern):
            patiently(fitted.fit, X_now, y_now, checkpoint=tmp_path, **more)
    with pytest.raises(RunFolderError, match=r"the data is not the same"):
        patiently(fitted.fit, X, y, X_val=X, y_val=y, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "checkpoint_seconds is 0; expected a positive number of seconds"),
        (float("nan"), "checkpoint_seconds is nan"),
    ],
)
def test_a_time_between_checkpoints_that_cannot_be_is_refused(problem, tmp_path, seconds, words) -> None:
    X, y = problem("iris")
    with pytest.raises(SettingError, match=words):
        MLPClassifier((5,), random_state=0).fit(X, y, checkpoint=tmp_path / "fit", checkpoint_seconds=seconds)
    assert not (tmp_path / "fit").exists()


def test_a_folder_that_is_taken_away_is_warned_of_once_and_the_fit_goes_on(problem, bits, tmp_path) -> None:
    X, y = problem("iris")
    folder = tmp_path / "fit"

    def take_away(record) -> None:
        if record.epoch == 2:
            folder.rename(tmp_path / "aside")
            folder.write_text("")

    ours, whole = (MLPRegressor(hidden_layer_sizes=(5,), max_iter=6, random_state=0) for _ in range(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours.set_params(callbacks=take_away).fit(X, y, checkpoint=folder)
        whole.fit(X, y)
    said = [str(each.message) for each in caught if "goes on in memory" in str(each.message)]
    assert len(said) == 1
    assert said[0].startswith(str(folder))
    assert bits(ours) == bits(whole)


def test_a_folder_that_cannot_be_made_is_warned_of_and_the_fit_goes_on(problem, bits, tmp_path) -> None:
    X, y = problem("iris")
    (tmp_path / "file").write_text("")
    ours, whole = (MLPClassifier((5,), max_iter=3, random_state=0) for _ in range(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours.fit(X, y, checkpoint=tmp_path / "file" / "fit")
        whole.fit(X, y)
    said = [str(each.message) for each in caught if "goes on in memory" in str(each.message)]
    assert len(said) == 1
    assert "fit cannot be made: not a directory. The fit goes on in memory" in said[0]
    assert bits(ours) == bits(whole)


def test_a_spoiled_checkpoint_is_warned_of_and_the_fit_ends_the_same(problem, bits, tmp_path) -> None:
    X, y = problem("iris")
    ours = MLPClassifier((5,), max_iter=4, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        expected = bits(ours.fit(X, y, checkpoint=tmp_path))
        newest = tmp_path / "snapshot.safetensors"
        newest.write_bytes(newest.read_bytes()[:-7])
        assert bits(ours.fit(X, y, checkpoint=tmp_path)) == expected
    assert any("The fit goes on from the checkpoint before, to the same end." in str(w.message) for w in caught)


KILLED = """
import sys, os, signal
from sklearn.datasets import load_digits
from pellucid import MLPClassifier
X, y = load_digits(return_X_y=True)
X /= 16
def kill(record):
    if record.epoch == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
MLPClassifier((20,), max_iter=5, random_state=0, callbacks=kill).fit(X, y, checkpoint=sys.argv[1])
"""


def test_a_fit_in_a_process_that_is_killed_goes_on_and_two_at_once_are_refused(bits, patiently, tmp_path) -> None:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X /= 16
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), "3"], capture_output=True)
    assert ended.returncode == -9, ended.stderr
    whole, resumed = (MLPClassifier((20,), max_iter=5, random_state=0) for _ in range(2))
    refused = []

    def fit_beside(record) -> None:
        with pytest.raises(RunFolderError, match=r"another process is training in .*checkpoint=DIR") as caught:
            clone(whole).fit(X, y, checkpoint=tmp_path)
        refused.append((record.epoch, str(caught.value)))

    patiently(whole.fit, X, y)
    patiently(resumed.set_params(callbacks=fit_beside).fit, X, y, checkpoint=tmp_path)
    assert [epoch for epoch, _ in refused] == [4, 5]
    assert bits(resumed) == bits(whole)


TO_THE_END = """
import sys, warnings
warnings.simplefilter("ignore")
from sklearn.datasets import load_digits
from pellucid import MLPClassifier
X, y = load_digits(return_X_y=True)
settings = dict(batch_size=16, max_iter=8, random_state=0, early_stopping=True, n_iter_no_change=50, dropout=0.1)
est = MLPClassifier((64,), standardize=True, engine=sys.argv[1], **settings)
print("begins", flush=True)
est.fit(X, y, checkpoint=sys.argv[2], checkpoint_seconds=0.02).save(sys.argv[2] + ".safetensors", optimizer=True)
"""


@pytest.mark.slow
def test_fits_killed_at_random_moments_end_with_the_bytes_of_one_never_stopped(engine, killed_fits_end_alike) -> None:
    killed_fits_end_alike(TO_THE_END, engine, kills=5, seed=1)
