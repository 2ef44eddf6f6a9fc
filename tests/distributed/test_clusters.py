"""Real worker processes that are killed, added, asked by two at once; a client that is killed and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

import pellucid
from pellucid import MLPClassifier
from pellucid.distributed import fit

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

REPEATED = 6
PARAMETERS = {"batch_size": 32, "max_iter": 3, "random_state": 0, "engine": "reference"}  # it takes its time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that Dask leaves to the collector
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # of a cluster whose workers were killed
]


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


def scaled_to(n, cluster, client):
    cluster.scale(n)
    client.wait_for_workers(n, timeout=60)
    while len(client.scheduler_info(n_workers=-1)["workers"]) != n:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def large(digits):
    """Four shards with which a worker is busy for a while."""
    X, y = digits
    return [(np.tile(X[i::4], (REPEATED, 1)), np.tile(y[i::4], REPEATED)) for i in range(4)]


def lazy(shards):
    """Give the shards of ``large``, repeated where they are computed with."""
    once = [[da.from_array(each[: len(each) // REPEATED]) for each in shard] for shard in shards]
    parts = [[da.concatenate([each] * REPEATED) for each in shard] for shard in once]
    rows = tuple(len(X) for X, _ in shards)
    X, y = (da.concatenate(each) for each in zip(*parts, strict=True))
    return X.rechunk((rows, -1)), y.rechunk((rows,))


@pytest.fixture(scope="module")
def of_threads(large):
    """What a fit of three rounds gives without any cluster."""
    return fit(MLPClassifier((12,), **PARAMETERS), large)


def make(**parameters):
    return MLPClassifier((12,), **PARAMETERS, **parameters)


def test_one_two_and_three_worker_processes_give_the_bytes_of_threads(cluster, client, large, of_threads, bytes_of):
    for workers in (1, 2, 3):
        scaled_to(workers, cluster, client)
        assert bytes_of(fit(make(), *lazy(large), client=client)) == bytes_of(of_threads)
    scaled_to(2, cluster, client)


class InMidRound:
    """A callback that, once the second round has ended, does something as soon as a worker is busy with the third."""

    def __init__(self, client, do):
        self.client, self.do, self.worker = client, do, None
        self.thread = threading.Thread(target=self.watch)

    def __call__(self, record):
        if record.epoch == 2:
            self.thread.start()

    def watch(self):
        while self.worker is None:
            for address, keys in self.client.processing().items():
                if any("train_shard" in str(key) for key in keys):
                    self.worker = address
        self.do(self.worker)


@pytest.mark.parametrize("form", ["dask array", "arrays of the client"])
def test_a_worker_that_is_killed_in_mid_round_costs_a_retry(large, of_threads, bytes_of, form):
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        pids = client.run(os.getpid)
        callback = InMidRound(client, lambda address: os.kill(pids[address], signal.SIGKILL))
        data = lazy(large) if form == "dask array" else (large,)
        found = fit(make(callbacks=callback), *data, client=client)
        callback.thread.join()
        assert pids[callback.worker] not in client.run(os.getpid).values()
    assert bytes_of(found) == bytes_of(of_threads)


def test_a_worker_that_comes_in_mid_round_changes_no_bit(cluster, client, large, of_threads, bytes_of):
    scaled_to(1, cluster, client)
    callback = InMidRound(client, lambda _: scaled_to(2, cluster, client))
    found = fit(make(callbacks=callback), *lazy(large), client=client)
    callback.thread.join()
    assert bytes_of(found) == bytes_of(of_threads)


def test_two_fits_at_once(cluster, client, large, of_threads, bytes_of):
    scaled_to(2, cluster, client)
    found = {}

    def run(name, shards):
        found[name] = fit(make(), shards, client=client)

    threads = [threading.Thread(target=run, args=each) for each in (("one", large), ("other", large[:2]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bytes_of(found["one"]) == bytes_of(of_threads)
    assert bytes_of(found["other"]) == bytes_of(fit(make(), large[:2]))


PROGRAM = """
import sys, warnings
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
import pellucid
from pellucid import MLPClassifier
from pellucid.distributed import fit
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
X = X.astype(np.float32)
classifier = MLPClassifier((12,), batch_size=32, max_iter=5, random_state=0, n_iter_no_change=1000,
                           callbacks=lambda record: print(record.epoch, flush=True))
fit(classifier, [(X[i::4], y[i::4]) for i in range(4)], client=sys.argv[1], checkpoint=sys.argv[2], outer_momentum=0.3)
"""


def test_a_client_that_is_killed_goes_on_when_it_is_back(cluster, client, digits, tmp_path, bytes_of):
    scaled_to(2, cluster, client)
    arguments = [sys.executable, "-c", PROGRAM, cluster.scheduler_address, str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == "2":
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    assert MLPClassifier.load(tmp_path / "model.safetensors").n_iter_ >= 2
    rest = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert rest[-1] == "5"
    assert int(rest[0]) <= 4
    X, y = digits
    whole = MLPClassifier((12,), batch_size=32, max_iter=5, random_state=0, n_iter_no_change=1000)
    fit(whole, [(X[i::4], y[i::4]) for i in range(4)], outer_momentum=0.3)
    assert bytes_of(MLPClassifier.load(tmp_path / "model.safetensors")) == bytes_of(whole)


def test_a_search_over_parameters_runs_on_dask_through_joblib(cluster, client, digits):
    from joblib import parallel_config

    X, y = digits
    wanted = {"alpha": [1e-4, 1.0]}
    usual = {"cv": 2, "refit": True}
    here = GridSearchCV(MLPClassifier((8,), max_iter=5, random_state=0, n_threads=1), wanted, **usual).fit(X, y)
    with parallel_config(backend="dask", client=client):
        there = GridSearchCV(MLPClassifier((8,), max_iter=5, random_state=0, n_threads=1), wanted, **usual).fit(X, y)
    np.testing.assert_array_equal(there.cv_results_["mean_test_score"], here.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(there.predict(X), here.predict(X))


def test_a_scheduler_that_is_lost_is_a_sentence_and_the_fit_goes_on(tmp_path, large, of_threads, bytes_of):
    from pellucid.errors import TrainingError

    def lose(record):
        if record.epoch == 2:
            lost.close()

    lost = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0")
    with (
        distributed.Client(lost, set_as_default=False) as gone,
        pytest.raises(TrainingError, match=r"the connection to the Dask scheduler is lost.*checkpoint=DIR goes on"),
    ):
        fit(make(callbacks=lose), large, client=gone, checkpoint=tmp_path)
    assert bytes_of(fit(make(), large, checkpoint=tmp_path)) == bytes_of(of_threads)


def test_a_run_from_the_shell_outlives_a_worker_and_its_own_client(cluster, client, large, tmp_path):
    scaled_to(2, cluster, client)
    for number, (X, y) in enumerate(large):
        frame = pd.DataFrame(X).rename(columns=lambda column: f"x{column}").assign(label=y, of=f"file {number % 2}")
        frame.to_parquet(tmp_path / f"{number}.parquet")
    options = ["--data", f"{tmp_path}/*.parquet", "--hidden", "12", "--epochs", "6", "--engine", "reference"]
    command = [sys.executable, "-m", "pellucid", "train", "--dask", cluster.scheduler_address, *options]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    pids = client.run(os.getpid)
    run = tmp_path / "run"
    with subprocess.Popen([*command, "--out", str(run)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        until_there(run / "model.safetensors", process)
        busy = InMidRound(client, lambda address: os.kill(pids[address], signal.SIGKILL))
        busy.watch()
        rounds = len(rounds_of(run))
        while len(rounds_of(run)) <= rounds and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        said = process.stdout.read()
    assert process.returncode == -signal.SIGKILL, said
    assert pids[busy.worker] not in client.run(os.getpid).values()
    assert pellucid.load(run).classes == tuple(range(10))
    subprocess.run([*command, "--resume", str(run)], check=True, capture_output=True)
    assert (run / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


def until_there(path, process):
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.01)


def rounds_of(run):
    history = run / "history.jsonl"
    return history.read_text().splitlines() if history.exists() else []
