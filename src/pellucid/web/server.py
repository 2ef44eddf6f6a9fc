"""A server for one person on this machine: a socket on the loopback address, the routes behind it, until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pellucid.errors import SettingError
from pellucid.web.app import create_app
from pellucid.web.guard import HEADERS, MOST_HEADER_BYTES, RefusalError, busy
from pellucid.web.runs import Trainer
from pellucid.web.session import Session

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT, PORTS_TRIED = 8765, 20
SECONDS_FOR_HEADERS = 10.0
SECONDS_WITHOUT_READING = 10.0
MOST_CONNECTIONS, MOST_CONNECTIONS_OF_MANY = 64, 512
"""A browser opens up to six; with ``--host`` a whole class may look at the page."""

SECONDS_A_THREAD_HOLDS_ON = 0.001
"""A training's thread gives way to an answer so soon; Python's own measure, 5 ms, is felt at each stroke."""


class PatientProtocol(H11Protocol):
    """HTTP that waits no longer than it should for the headers of a request, and for an answer to be read: uvicorn itself
    would wait for ever. What it refuses before a route is reached, it refuses as every other error is written.
    """

    _waiting: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._usual, self._most = self.app, self.limit_concurrency
        self.limit_concurrency = None  # its own answer would lack our headers

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the headers are there; wait again when another request begins."""
        is_full = self._most is not None and max(len(self.connections), len(self.tasks)) >= self._most
        self.app = busy if is_full else self._usual
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Watch whether what is written is read, now that much of it is kept back."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching: it was read."""
        self._stop_watching()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has no end."""
        refusal = RefusalError(400, "http", f"{msg} This server speaks HTTP/1.1.").response()
        headers = [*refusal.raw_headers, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
        answer = h11.Response(status_code=400, headers=[*headers, (b"connection", b"close")], reason=b"Bad Request")
        for event in (answer, h11.Data(data=bytes(refusal.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(SECONDS_FOR_HEADERS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _watch(self, kept_back: int) -> None:
        self._writing = self.loop.call_later(SECONDS_WITHOUT_READING, self._look_at_what_is_kept_back, kept_back)

    def _look_at_what_is_kept_back(self, before: int) -> None:
        now = self.transport.get_write_buffer_size()
        if now < before:
            self._watch(now)
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


def open_socket(host: str, port: int | None) -> socket.socket:
    """Listen on a port: on this one, or, where none is asked for, on the first free one from 8765 on.

    Raises ``SettingError`` where it is taken, may not be had, or the host is none of this machine's.
    """
    asked = [port] if port is not None else [*range(PORT, PORT + PORTS_TRIED), 0]
    for number in asked:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise SettingError(f"--host is {host!r}", "an address of this machine") from error
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(MOST_CONNECTIONS)
        except OSError as error:
            listening.close()
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            reason = {errno.EADDRINUSE: "is taken", errno.EACCES: "may not be used without privileges"}
            if error.errno not in reason:
                raise SettingError(f"--host is {host!r}", "an address of this machine") from error
            raise SettingError(f"port {number} {reason[error.errno]}", "a free one", "Try another --port.") from error
        return listening
    raise AssertionError("the system gives a free port for 0")


def own_hosts(port: int, others: Sequence[str] = ()) -> list[str]:
    """List the values of Host that are ours."""
    names = ["127.0.0.1", "localhost", "[::1]", *others]
    return [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])


def serve(
    session: Session,
    trainer: Trainer,
    listening: socket.socket,
    *,
    allowed: Sequence[str] = (),
    key: str | None = None,
    when_ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer until Ctrl-C or SIGTERM. ``when_ready`` is called as soon as there are answers. With a ``key``, only an address
    that ends in it leads to the page.
    """
    sys.setswitchinterval(SECONDS_A_THREAD_HOLDS_ON)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(32)
    config = uvicorn.Config(
        create_app(session, trainer, own_hosts(port, allowed), token, key),
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS_OF_MANY if allowed else MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            when_ready()

    with closing(listening):
        Server(config).run(sockets=[listening])
