"""A real process on a real socket: the port, the Host, slow and broken requests, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

from pellucid.equations.architecture import Architecture, Hidden
from pellucid.equations.parameters import Layer
from pellucid.errors import SettingError
from pellucid.network import Network
from pellucid.web import server as web_server
from pellucid.web.guard import HEADERS


def exchange(port: int, request: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes as they are, and read until the server closes or nothing comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer and (some := connection.recv(65536)):
            answer += some
        return answer


def question(server, path: str) -> bytes:
    return f"GET /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_it_says_where_it_is_and_answers_there(server) -> None:
    assert server.said["model"] == "mnist"
    with urllib.request.urlopen(server.address) as answer:
        assert b"<title>Pellucid" in answer.read()


def test_a_port_that_is_taken_is_passed_over_and_one_that_was_asked_for_is_not() -> None:
    with web_server.open_socket("127.0.0.1", None) as first, web_server.open_socket("127.0.0.1", None) as second:
        taken = first.getsockname()[1]
        assert second.getsockname()[1] != taken
        with pytest.raises(SettingError, match=f"port {taken} is taken; expected a free one. Try another --port."):
            web_server.open_socket("127.0.0.1", taken)


def test_a_host_that_is_none_of_ours_is_a_sentence() -> None:
    with pytest.raises(SettingError, match="expected an address of this machine"):
        web_server.open_socket("203.0.113.7", 8765)
    with pytest.raises(SettingError, match="expected an address of this machine"):
        web_server.open_socket("no such host", 8765)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_a_request_without_our_one_host_gets_no_page(server, request_) -> None:
    answer = exchange(server.port, request_)
    assert status(answer) in (400, 421)
    assert b"<title>" not in answer


def headers_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.title(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000]
)
def test_what_is_no_request_is_refused_as_all_errors_are(server, request_) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request_)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert status(answer) == 400
    assert HEADERS.items() <= headers_of(answer).items()
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error == {"code": "http", "message": "Invalid HTTP request received. This server speaks HTTP/1.1."}


def test_more_connections_than_it_takes_are_refused_in_a_sentence(start_server) -> None:
    server = start_server()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            for _ in range(web_server.MOST_CONNECTIONS + 1)
        ]
        time.sleep(0.3)
        connections[-1].sendall(question(server, "state"))
        answer = b""
        while b"}}" not in answer and (some := connections[-1].recv(65536)):
            answer += some
    assert status(answer) == 503
    assert HEADERS.items() <= headers_of(answer).items()
    assert b"Too many connections at once." in answer
    time.sleep(0.3)
    with urllib.request.urlopen(server.address + "api/v1/state") as again:
        assert again.status == 200


def test_with_a_host_only_the_whole_address_that_was_printed_leads_to_the_page(start_server) -> None:
    server = start_server("--host", "0.0.0.0", "--allow-host", "127.0.0.1")
    address, _, key = server.address.partition("?key=")
    assert len(key) >= 20
    with urllib.request.urlopen(server.address) as page:
        assert b'name="token"' in page.read()
    for wrong in ("", "?key=", f"?key={key}x", "?key=%ff"):
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(address + wrong)
        assert b"Open the whole address" in refused.value.read()
        refused.value.close()


def test_with_a_host_nobody_looks_at_model_pictures_or_training_without_the_key(start_server) -> None:
    server = start_server("--host", "0.0.0.0", "--allow-host", "127.0.0.1")
    address = server.address.partition("?key=")[0]
    looked_at = (
        "model.safetensors",
        "mistakes",
        "evaluation",
        "run",
        "run/weights.png",
        "explanation/1/along",
        "samples",
    )
    others = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    others.addheaders = [("Cookie", f"pellucid-{server.port}=guessed")]
    for path in looked_at:
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            others.open(f"{address}api/v1/{path}")
        assert b"Open the whole address" in refused.value.read()
        refused.value.close()
    with urllib.request.urlopen(f"{address}api/v1/state") as state:
        assert state.status == 200
    ours = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with ours.open(server.address) as page:
        assert "HttpOnly" in page.headers["Set-Cookie"]
        assert "SameSite=strict" in page.headers["Set-Cookie"]
    for path in ("model.safetensors", "run", "samples"):
        with ours.open(f"{address}api/v1/{path}") as answer:
            assert answer.status == 200


def test_two_hosts_of_ours_are_not_one(server) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    assert status(exchange(server.port, b"GET / HTTP/1.1\r\n" + host + host + b"\r\n")) in (400, 421)


def test_headers_without_an_end_are_refused(server) -> None:
    head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode()
    assert status(exchange(server.port, head + b"X: " + b"y" * 40_000)) in (400, 431)


def test_an_early_close_and_half_a_body_harm_nobody(server) -> None:
    head = f"POST /api/v1/digit HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100\r\n\r\n".encode()
    for request in (b"", b"GET", head, head + b"{"):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(request)
    with urllib.request.urlopen(server.address + "api/v1/state") as answer:
        assert json.load(answer)["subject"]["name"] == "mnist"


def test_forty_at_once_are_all_answered(server) -> None:
    answers: list[int] = []

    def ask() -> None:
        with urllib.request.urlopen(server.address + "api/v1/state") as answer:
            answers.append(answer.status)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40


def test_a_whole_class_is_answered_where_others_may_look(start_server) -> None:
    server = start_server("--host", "0.0.0.0", "--allow-host", "127.0.0.1", "--read-only")
    with ExitStack() as class_:
        browsers = [class_.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(180)]
        for browser in browsers:
            browser.sendall(question(server, "state"))
        assert {status(browser.recv(65536)) for browser in browsers} == {200}


@pytest.mark.slow
def test_who_sends_headers_slowly_is_not_waited_for(server) -> None:
    head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode()
    for sent in (b"", head, head + b"\r\n"):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port), timeout=40) as connection:
            connection.sendall(sent)
            while connection.recv(65536):
                pass
        assert time.monotonic() - began < 25


@pytest.mark.slow
def test_a_body_that_does_not_come_is_a_sentence(server) -> None:
    with urllib.request.urlopen(server.address) as page:
        token = page.read().decode().partition('name="token" content="')[2].partition('"')[0]
    head = (
        f"POST /api/v1/digit HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX-Token: {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    assert status(exchange(server.port, head.encode() + b"{", seconds=30)) == 408


@pytest.mark.slow
def test_who_does_not_read_an_answer_is_not_waited_for(start_server, tmp_path: Path) -> None:
    architecture = Architecture((28, 28), (Hidden(8000),), 10)
    Network(
        architecture, tuple(Layer(np.zeros(s, "f4"), np.zeros(s[0], "f4")) for s in architecture.weight_shapes)
    ).save(tmp_path / "large.safetensors")
    server = start_server(str(tmp_path / "large.safetensors"))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(question(server, "model.safetensors"))
        time.sleep(25)
        read = 0
        with suppress(ConnectionResetError):
            while some := connection.recv(65536):
                read += len(some)
        assert read < 25_000_000
    with urllib.request.urlopen(server.address + "api/v1/model.safetensors") as answer:
        assert len(answer.read()) > 25_000_000


def test_it_does_not_wait_for_an_answer_that_takes_long(start_server, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nimport pellucid.labelled\npellucid.labelled.examples_for = lambda *_: time.sleep(60)"
    )
    server = start_server(environment={"PYTHONPATH": str(tmp_path)})
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
        connection.sendall(question(server, "evaluation"))
        with urllib.request.urlopen(server.address + "api/v1/state") as answer:  # nor does any other answer
            assert json.load(answer)["subject"]["name"] == "mnist"
        server.process.send_signal(signal.SIGINT)
        assert status(connection.recv(65536)) == 503
    _, said = server.process.communicate(timeout=15)
    assert server.process.returncode == 130
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_though_a_training_runs(tmp_path: Path, number) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pellucid", "serve", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    address = json.loads(process.stdout.readline())["address"]
    with urllib.request.urlopen(address) as page:
        token = page.read().decode().partition('name="token" content="')[2].partition('"')[0]
    setup = json.dumps({"data": "digits", "hidden": [1024, 1024], "epochs": 200}).encode()
    request = urllib.request.Request(
        address + "api/v1/run", setup, {"X-Token": token, "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    time.sleep(1)
    process.send_signal(number)
    _, said = process.communicate(timeout=15)
    assert process.returncode in ((130,) if number == signal.SIGINT else (130, -number, 128 + number))
    assert "Traceback" not in said
    assert "leaked" not in said


def test_who_presses_ctrl_c_twice_sees_no_traceback(start_server, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nimport pellucid.labelled\npellucid.labelled.examples_for = lambda *_: time.sleep(60)"
    )
    server = start_server(environment={"PYTHONPATH": str(tmp_path)})
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as connection:
        connection.sendall(question(server, "evaluation"))
        time.sleep(0.5)
        for _ in range(2):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        _, said = server.process.communicate(timeout=15)
    assert server.process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said
    assert "leaked" not in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "0.0.0.0"], "--allow-host"),
        (["--label", "x"], "--label is given without --data"),
        (["no-such-model"], "no-such-model"),
        (["--port", "0"], "--port"),
        (["--engine", "none"], "none"),
    ],
)  # fmt: skip
def test_wrong_use_is_a_sentence(words, sentence) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", "serve", "--json", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert sentence in json.loads(done.stdout)["error"]["message"]
    assert "Traceback" not in done.stderr


def test_without_its_packages_it_says_which_extra_brings_them(tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'starlette'\", name='starlette')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", "serve"], capture_output=True, text=True, timeout=60, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert 'Try: pip install "pellucid[web]"' in done.stderr


def test_all_that_the_page_needs_is_small(client) -> None:
    from pellucid.web.app import assets

    sizes = {name: len(asset.content) for name, asset in assets().items()}
    assert {"index.html", "style.css", "main.js", "draw.js", "step.js", "train.js", "errors.js"} <= set(sizes)
    page = (Path(__file__).parents[2] / "docs/page.md").read_text(encoding="utf-8")
    assert f"Its files are {round(sum(sizes.values()) / 1000)} kB" in " ".join(page.split())
