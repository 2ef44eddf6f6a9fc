from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pellucid.datasets import download
from pellucid.datasets.catalogue import DIGITS, MNIST, Entry, File
from pellucid.datasets.download import fetch
from pellucid.errors import DataUnavailableError, StorageError

CONTENT = {"a.gz": b"a" * 200_000, "b.gz": b"the second file"}
FILES = tuple(File(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items())


class Mirror(BaseHTTPRequestHandler):
    """Serves the files under one folder for each way in which mirrors misbehave."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        _, way, name = self.path.split("/")
        content = CONTENT[name]
        if way == "gone":
            self.send_error(404)
            return
        if way == "other":
            content = bytes(len(content))
        if way == "long":
            content *= 2
        self.send_response(200)
        if way != "nameless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if way == "dropped":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    Mirror.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as http:
        # A mirror that breaks off leaves the handler with a closed socket; that is meant.
        http.handle_error = lambda *arguments: None  # type: ignore[method-assign]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.fixture
def closed() -> str:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{chosen.getsockname()[1]}/"


def entry(*mirrors: str) -> Entry:
    return replace(MNIST, name="pair", mirrors=mirrors, files=FILES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def assert_whole(folder: Path) -> None:
    assert names(folder) == ["a.gz", "b.gz"]
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT


def test_a_good_mirror_gives_every_file_and_progress_to_the_last_byte(server: str, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    assert fetch(entry(f"{server}/good/"), tmp_path / "new", lambda *news: told.append(news)) == tmp_path / "new"
    assert_whole(tmp_path / "new")
    assert [news for news in told if news[0] == news[1]] == [(200_000, 200_000, "a.gz"), (15, 15, "b.gz")]
    assert len(told) > 2


def test_a_mirror_that_tells_no_length_will_do(server: str, tmp_path: Path) -> None:
    fetch(entry(f"{server}/nameless/"), tmp_path)
    assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("way", "reason"),
    [("other", "wrong checksum"), ("gone", "HTTP 404"), ("dropped", "cut off"), ("long", "another file: too long")],
)
def test_after_a_bad_mirror_comes_the_next(server: str, tmp_path: Path, way: str, reason: str) -> None:
    fetch(entry(f"{server}/{way}/", f"{server}/good/"), tmp_path)
    assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("way", "reason"),
    [("other", "wrong checksum"), ("gone", "HTTP 404"), ("dropped", "cut off"), ("long", "another file: too long")],
)
def test_a_bad_mirror_is_named_and_leaves_nothing_half_written(
    server: str, tmp_path: Path, way: str, reason: str
) -> None:
    with pytest.raises(DataUnavailableError, match=f"a.gz of pair could not be downloaded .127.0.0.1: {reason}"):
        fetch(entry(f"{server}/{way}/"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_when_all_mirrors_fail_each_is_named_and_what_to_try(server: str, closed: str, tmp_path: Path) -> None:
    with pytest.raises(DataUnavailableError) as caught:
        fetch(entry(closed, f"{server}/gone/"), tmp_path)
    assert str(caught.value) == (
        "a.gz of pair could not be downloaded (127.0.0.1: no connection; 127.0.0.1: HTTP 404). "
        f"Put its 2 files into {tmp_path}, or set PELLUCID_DATA to a folder that holds pair/."
    )


def test_a_closed_port_is_passed_over(server: str, closed: str, tmp_path: Path) -> None:
    fetch(entry(closed, f"{server}/good/"), tmp_path)
    assert_whole(tmp_path)


def test_good_files_are_kept_and_a_wrong_one_is_replaced(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(CONTENT["a.gz"])
    (tmp_path / "b.gz").write_bytes(b"something else!")
    fetch(entry(f"{server}/good/"), tmp_path)
    assert_whole(tmp_path)
    assert Mirror.asked == ["/good/b.gz"]


def test_a_wrong_file_stays_until_the_right_one_has_come(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"old")
    with pytest.raises(DataUnavailableError):
        fetch(entry(f"{server}/dropped/"), tmp_path)
    assert (tmp_path / "a.gz").read_bytes() == b"old"
    assert names(tmp_path) == ["a.gz"]


def test_when_all_is_there_no_mirror_is_asked(closed: str, tmp_path: Path) -> None:
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    fetch(entry(closed), tmp_path)
    fetch(DIGITS, tmp_path)


def test_silently_dropped_packets_cost_the_patience_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def drop(*arguments: object, **options: object) -> None:
        given_up.wait(10)
        raise TimeoutError

    monkeypatch.setattr(download, "PATIENCE", 0.2)
    monkeypatch.setattr(socket, "create_connection", drop)
    began = time.monotonic()
    with pytest.raises(DataUnavailableError, match="first: no connection; second: no connection; third: no connection"):
        fetch(entry("https://first/", "https://second/", "https://third/"), tmp_path / "new")
    took = time.monotonic() - began
    given_up.set()
    assert took < 1
    assert not (tmp_path / "new").exists()


def test_a_host_that_is_dead_is_not_waited_for_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knocked: list[str] = []
    knock = download._Door._knock
    monkeypatch.setattr(download, "PATIENCE", 0.3)

    def slow(door: download._Door, url: str) -> None:
        knocked.append(url)
        if "dead" in url:
            time.sleep(1.0)
        else:
            knock(door, url)

    monkeypatch.setattr(download._Door, "_knock", slow)
    began = time.monotonic()
    fetch(entry("http://dead/", f"{server}/good/"), tmp_path)
    assert time.monotonic() - began < 0.9
    assert sorted(knocked) == sorted(["http://dead/", f"{server}/good/"])
    assert_whole(tmp_path)


def test_a_server_that_stays_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DataUnavailableError, match="silent for"):
            fetch(entry(mirror), tmp_path)


def test_a_folder_that_may_not_be_is_a_storage_error(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        fetch(entry(f"{server}/good/"), tmp_path / "file" / "pair")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.cache_folder().parts[-2:] == ("pellucid", "datasets")
