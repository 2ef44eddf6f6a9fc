"""Whoever carries the tasks out, threads or processes, the bytes are the same; and a fit goes on from where it stood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from pellucid import load
from pellucid.distributed import fit
from pellucid.errors import RunFolderError, TrainingError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_number_of_workers_changes_no_bit(shards, classifier, bytes_of):
    found = {bytes_of(fit(classifier(), shards))}
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            found.add(bytes_of(fit(classifier(), shards, client=executor)))
    assert len(found) == 1


@pytest.mark.slow
def test_processes_give_the_bytes_of_threads(shards, classifier, bytes_of):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        found = fit(classifier(), shards, client=executor, outer_momentum=0.3)
    assert bytes_of(found) == bytes_of(fit(classifier(), shards, outer_momentum=0.3))


@pytest.mark.skipif(
    sys.version_info < (3, 11, 5),
    reason="this Python's pool waits for ever where a worker is killed while it is handed a task (python/cpython#94777)",
)
def test_a_process_that_is_lost_is_a_sentence_and_the_fit_goes_on(tmp_path, shards, classifier, bytes_of):
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        executor.submit(os.getpid).result()

        def kill(record):
            if record.epoch == 2:
                os.kill(next(iter(executor._processes)), signal.SIGKILL)

        with pytest.raises(TrainingError, match=r"a process of the executor was lost.*checkpoint=DIR goes on"):
            fit(classifier(max_iter=4, callbacks=kill), shards, client=executor, checkpoint=tmp_path)
    gone_on = fit(classifier(max_iter=4), shards, checkpoint=tmp_path)
    assert bytes_of(gone_on) == bytes_of(fit(classifier(max_iter=4), shards))


def loaded(shard):
    return shard


def test_shards_may_be_what_loads_them(shards, classifier, bytes_of):
    lazily = fit(classifier(), [partial(loaded, shard) for shard in shards])
    assert bytes_of(lazily) == bytes_of(fit(classifier(), shards))


def test_neighbours_are_joined(shards, classifier, bytes_of):
    joined = [tuple(map(np.concatenate, zip(*pair, strict=True))) for pair in (shards[:2], shards[2:])]
    assert bytes_of(fit(classifier(), shards, shards=2)) == bytes_of(fit(classifier(), joined))


def test_lists_of_x_and_of_y_are_shards_too(shards, classifier, bytes_of):
    X, y = map(list, zip(*shards, strict=True))
    assert bytes_of(fit(classifier(), X, y)) == bytes_of(fit(classifier(), shards))


def test_an_empty_shard_is_fine(shards, classifier, bytes_of):
    empty = (np.empty((0, 64)), np.empty(0))
    found = fit(classifier(), [*shards, empty])
    assert bytes_of(found) == bytes_of(fit(classifier(), shards))


@pytest.mark.parametrize(
    "how",
    [{}, {"outer_momentum": 0.5, "outer_rate": 0.8}, {"steps_per_round": 7}, {"exact": True}],
    ids=["epochs", "momentum", "steps", "exact"],
)
def test_a_fit_that_is_cut_at_any_round_ends_with_the_same_bytes(tmp_path, shards, classifier, bytes_of, how):
    parameters = {"max_iter": 3, "solver": "sgd", "batch_size": 256, "average_epochs": 2}
    whole = bytes_of(fit(classifier(**parameters), shards, **how))
    for rounds in (1, 2, 3):

        def stop(record, rounds=rounds):
            if record.epoch == rounds:
                raise RuntimeError("pulled out")

        with pytest.raises(RuntimeError, match="pulled out"):
            fit(classifier(callbacks=stop, **parameters), shards, checkpoint=tmp_path / str(rounds), **how)
        assert load(tmp_path / str(rounds) / "model.safetensors").predict(shards[0][0]).shape == (300,)
        found = fit(classifier(**parameters), shards, checkpoint=tmp_path / str(rounds), **how)
        assert bytes_of(found) == whole
        assert [record["epoch"] for record in found.history_] == [1, 2, 3]


PROGRAM = """
import sys, warnings
import numpy as np
from sklearn.datasets import load_digits
from pellucid import MLPClassifier
from pellucid.distributed import fit
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
print("begun", flush=True)
fit(MLPClassifier((12,), max_iter=int(sys.argv[2]), random_state=0, tol=0, n_iter_no_change=1000,
                  callbacks=lambda record: print(record.epoch, flush=True)),
    [(X[i::3], y[i::3]) for i in range(3)], checkpoint=sys.argv[1])
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_from_its_last_round(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "whole", "12"], check=True, capture_output=True)
    arguments = [sys.executable, "-c", PROGRAM, tmp_path / "killed", "12"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == "5":
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    rest = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
    assert rest[1] in ("6", "7")  # a round may have been kept before it was told of
    whole, killed = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed"))
    assert whole == killed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"shards": "fewer"},
            "the data is not the same: it was 1,797 examples of 64 numbers in 5 shards .* in 4 shards",
        ),
        ({"shards": "other"}, "the data is not the same"),
        ({"hidden_layer_sizes": (9,)}, "its network is 12 relu.*this one 9 relu"),
        ({"outer_momentum": 0.5}, "settings.rounds.momentum was 0.0, is 0.5"),
        ({"random_state": 1}, "settings.seed was 0, is 1"),
    ],
    ids=["number of shards", "data", "network", "momentum", "seed"],
)
def test_a_folder_of_another_fit_is_refused_with_what_differs(tmp_path, shards, classifier, change, sentence):
    fit(classifier(max_iter=1), shards, checkpoint=tmp_path)
    which, momentum = change.pop("shards", None), change.pop("outer_momentum", 0.0)
    other = {"fewer": shards[:-1], "other": [(X + np.float32(1), y) for X, y in shards], None: shards}[which]
    if which == "fewer":
        joined = [np.concatenate(pair) for pair in zip(*shards[-2:], strict=True)]
        other = [*shards[:-2], tuple(joined)]
    with pytest.raises(RunFolderError, match=f"holds another fit.*{sentence}.*or name another folder"):
        fit(classifier(max_iter=1, **change), other, checkpoint=tmp_path, outer_momentum=momentum)


def test_a_folder_of_another_version_is_refused(tmp_path, shards, classifier, monkeypatch):
    fit(classifier(max_iter=1), shards, checkpoint=tmp_path)
    monkeypatch.setattr("pellucid.training.identity.__version__", "9.9")
    with pytest.raises(RunFolderError, match=r"a fit of Pellucid 0\.1\.0, and this is 9\.9"):
        fit(classifier(max_iter=1), shards, checkpoint=tmp_path)
