from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from pellucid.datasets.for_a_network import Labelled
from pellucid.engines import choose
from pellucid.loading import load
from pellucid.web.app import create_app
from pellucid.web.runs import Trainer
from pellucid.web.samples import samples
from pellucid.web.session import Session

API, HOST, TOKEN = "/api/v1", "127.0.0.1:8765", "the token of this test"


class Client(TestClient):
    """Our page: it knows the token."""

    session: Session
    trainer: Trainer

    def ask(self, path: str, **query: int) -> dict:
        answer = self.get(f"{API}/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str, **record: object) -> dict:
        answer = self.post(f"{API}/{path}", json=record)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **record: object) -> tuple[int, str, str]:
        answer = self.post(f"{API}/{path}", json=record)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]

    def read(self, digit: str) -> dict:
        return self.tell("digit", strokes=samples()[digit])

    def wait_for(self, *states: str, seconds: float = 30) -> dict:
        until = time.monotonic() + seconds
        while (run := self.ask("run"))["state"] not in states:
            assert time.monotonic() < until, run
            time.sleep(0.01)
        return run


def our_own_digits() -> Labelled:
    """The samples of the page as labelled examples: there is no MNIST on every machine. One of them has a wrong label."""
    from pellucid.datasets.drawing import of_strokes

    X = np.stack([of_strokes(strokes).picture.reshape(-1) for strokes in samples().values()])
    y = np.arange(10)
    y[3] = 5
    return Labelled(X, y, "ten drawings")


def _make_client(read_only: bool = False, raises: bool = True, own_data: tuple[str, str] | tuple[()] = ()) -> Client:
    session = Session(load("mnist"), "mnist", our_own_digits, read_only=read_only)
    trainer = Trainer(session, lambda: choose(threads=1).engine, *own_data)
    app = create_app(session, trainer, [HOST], TOKEN)
    client = Client(app, base_url=f"http://{HOST}", headers={"X-Token": TOKEN}, raise_server_exceptions=raises)
    client.session, client.trainer = session, trainer
    return client


@pytest.fixture(scope="session")
def make_client() -> Callable[..., Client]:
    return _make_client


@pytest.fixture
def client() -> Iterator[Client]:
    client = _make_client()
    yield client
    client.trainer.close()


class Server:
    """A real server, in a process of its own."""

    def __init__(self, *words: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "pellucid", "serve", "--json", *words]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.said = json.loads(line)
        self.address: str = self.said.get("address", "")

    @property
    def port(self) -> int:
        return int(self.address.partition("/?")[0].rstrip("/").rpartition(":")[2])

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """Start servers of one's own."""
    started: list[Server] = []

    def start(*words: str, **more: object) -> Server:
        started.append(Server(*words, **more))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()
