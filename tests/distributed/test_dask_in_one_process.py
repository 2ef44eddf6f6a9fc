"""A Dask scheduler and its workers as threads of this process: enough to see that Dask is a host like any other."""

from __future__ import annotations

import asyncio
import gc
import pickle
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest

from pellucid import MLPClassifier, MLPRegressor
from pellucid.distributed import DaskMLPClassifier, DaskMLPRegressor, fit
from pellucid.errors import DataError, SettingError, TrainingError

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that Dask leaves to the collector
]


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, processes=False, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def lazy(shards):
    X, y = (np.concatenate(each) for each in zip(*shards, strict=True))
    rows = tuple(len(X) for X, _ in shards)
    return da.from_array(X, chunks=(rows, 30)), da.from_array(y, chunks=(rows,))


def test_dask_gives_the_bytes_of_threads(client, shards, classifier, bytes_of):
    found = fit(classifier(), shards, client=client, outer_momentum=0.2)
    assert bytes_of(found) == bytes_of(fit(classifier(), shards, outer_momentum=0.2))


def test_dask_gives_the_bytes_of_threads_in_exact_mode(client, shards, classifier, bytes_of):
    found = fit(classifier(max_iter=1, batch_size=500), shards, client=client, exact=True)
    assert bytes_of(found) == bytes_of(fit(classifier(max_iter=1, batch_size=500), shards, exact=True))


def test_every_form_of_shards_is_the_same_training(client, lazy, shards, classifier, bytes_of):
    from dask.delayed import delayed

    X, y = lazy
    expected = bytes_of(fit(classifier(), shards))
    assert bytes_of(fit(classifier(), X, y, client=client)) == expected
    assert bytes_of(fit(classifier(), [delayed(tuple)(shard) for shard in shards], client=client)) == expected
    assert bytes_of(fit(classifier(), client.scatter(shards), client=client)) == expected
    assert bytes_of(fit(classifier(), *map(list, zip(*shards, strict=True)), client=client)) == expected


def test_partitions_are_joined_into_shards(client, lazy, shards, classifier, bytes_of):
    assert bytes_of(fit(classifier(), *lazy, client=client, shards=2)) == bytes_of(fit(classifier(), shards, shards=2))


def test_a_data_frame_teaches_the_names_and_is_predicted_for_lazily(client, shards):
    X, y = shards[0]
    frame = pd.DataFrame(X.astype(np.float64), columns=[f"pixel {i}" for i in range(64)])
    parts = dd.from_pandas(frame, npartitions=3)
    labels = dd.from_pandas(pd.Series(np.array([f"digit {i}" for i in y])), npartitions=3)
    classifier = DaskMLPClassifier((16,), learning_rate_init=0.01, max_iter=20, batch_size=16, random_state=0)
    classifier.fit(parts, labels, client=client)
    assert classifier.feature_names_in_[1] == "pixel 1"
    lazily = classifier.predict(parts)
    assert isinstance(lazily, da.Array)
    local = classifier.to_local()
    assert type(local) is MLPClassifier
    np.testing.assert_array_equal(client.compute(lazily).result(), local.predict(frame))
    probabilities = client.compute(classifier.predict_proba(parts)).result()
    np.testing.assert_array_equal(probabilities, local.predict_proba(frame))
    assert local.score(frame, [f"digit {i}" for i in y]) > 0.8


def test_arrays_are_predicted_for_lazily_and_anything_else_at_once(client, lazy, digits):
    X, _ = lazy
    classifier = DaskMLPClassifier((8,), max_iter=2, random_state=0).fit(*lazy, client=client)
    assert classifier.predict(X).chunks == (X.chunks[0],)
    assert classifier.predict_proba(X).chunks == (X.chunks[0], (10,))
    whole = np.asarray(client.compute(X).result())
    np.testing.assert_array_equal(client.compute(classifier.predict(X)).result(), classifier.predict(whole))
    proba = client.compute(classifier.predict_proba(X)).result()
    np.testing.assert_array_equal(proba, classifier.predict_proba(whole))
    twin = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(twin.predict(whole), classifier.predict(whole))


def test_numbers_are_learned_and_predicted_too(client):
    X = np.random.default_rng(0).normal(size=(200, 3))
    for y in (X[:, 0] * 2, X[:, :2]):
        parts = da.from_array(X, chunks=(50, 3)), da.from_array(y, chunks=(50, *y.shape[1:]))
        regressor = DaskMLPRegressor(hidden_layer_sizes=(8,), max_iter=5, random_state=0).fit(*parts, client=client)
        found = client.compute(regressor.predict(parts[0])).result()
        np.testing.assert_array_equal(found, regressor.to_local().predict(X))
        assert found.shape == y.shape
        assert type(regressor.to_local()) is MLPRegressor


def test_what_is_wrong_with_a_shard_is_said_from_a_worker(client, lazy, classifier):
    X, y = lazy
    spoiled = da.where(da.arange(len(X), chunks=(X.chunks[0],))[:, None] == 710, np.float32(np.nan), X)
    with pytest.raises(DataError, match=r"shard 2 has no value in row 10, column 0; expected a number"):
        fit(classifier(), spoiled, y, client=client)
    # All of them have such classes, and the first that says so is heard.
    with pytest.raises(DataError, match=r"shard \d has the class \d in row \d+; expected one of 0, 1"):
        fit(classifier(), X, y, client=client, classes=[0, 1])


def test_a_worker_that_lacks_the_engine_is_a_sentence(client, shards, classifier):
    with pytest.raises(SettingError, match="not all workers have the engine 'native:quantum'; expected one of"):
        fit(classifier(engine="native:quantum"), shards, client=client)


def answering(answer: bytes | None):
    """Listen as somebody who is no scheduler: who hangs up after an answer, or says nothing."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connections = []
            while True:
                connection, _ = server.accept()
                connections.append(connection)
                if answer is not None:
                    connection.sendall(answer)
        except OSError:
            for connection in connections:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return server


# A page's answer is taken for sizes by who expects frames: 3 EiB, as a rule.
@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 400 Bad Request\r\nServer: some" * 9, b"\0" * 64])
def test_a_stranger_at_the_address_is_a_sentence_in_time(answer):
    from pellucid.distributed.dask_host import connect

    with answering(answer) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(SettingError, match=f"no Dask scheduler answers at '{address}'; expected the address"):
            connect(address, 1.0)
        assert time.monotonic() - began < 10
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_scheduler_that_cannot_be_reached_is_a_sentence_within_ten_seconds():
    from pellucid.distributed.dask_host import connect

    assert connect.__defaults__ == (6.0,)
    began = time.monotonic()
    with pytest.raises(
        SettingError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'; expected the address.*dask"
    ):
        connect("tcp://127.0.0.1:9", 1.0)
    assert time.monotonic() - began < 10
    with pytest.raises(SettingError, match="no Dask scheduler answers at 'nowhere:at:all'"):
        connect("nowhere:at:all", 1.0)
    gc.collect()  # a client that was made in vain would complain here, and hold us up


@pytest.fixture(scope="module")
def by_tcp():
    with (
        distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp://", dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_a_worker_is_told_from_a_scheduler(by_tcp):
    from pellucid.distributed.dask_host import connect

    (worker,) = by_tcp.scheduler_info(n_workers=-1)["workers"]
    with pytest.raises(SettingError, match=f"a Dask worker answers at '{worker}', and no scheduler; expected the addr"):
        connect(worker)


def test_a_scheduler_is_reached_without_its_protocol_and_where_a_loop_is_running(by_tcp):
    from pellucid.distributed.dask_host import connect

    address = by_tcp.scheduler.address

    async def from_a_notebook():
        return connect(address)

    for connected in (connect(address.removeprefix("tcp://")), asyncio.run(from_a_notebook())):
        with connected:
            assert connected.status == "running"


def test_data_that_nobody_can_make_again_is_a_sentence(client, shards, classifier):
    futures = client.scatter(shards)

    def lose(record):
        client.cancel(futures)

    with pytest.raises((TrainingError, DataError), match=r"nobody can make it again.*Give delayed shards"):
        fit(classifier(max_iter=200, callbacks=lose), futures, client=client)
