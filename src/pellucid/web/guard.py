"""Who may ask, how much, and how long: everything is looked at before it reaches a route.

The page is for the person at this machine. But any site that is open in the same browser can send requests to it, and can
have its own name lead here (DNS rebinding). So the one Host is compared with the few that are ours, before anything else;
what changes something must come from our own page, and bear the token that only our page knows.

Source: Fetch Metadata Request Headers (W3C); OWASP Cross-Site Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
LONGEST_PATH = 256
MOST_HEADER_BYTES = 16 * 1024
SECONDS_FOR_A_BODY = 10.0
STATE = "/api/v1/state"
KEY_IS_MISSING = "Open the whole address that the server printed, or that you were given: it ends in a key."

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Of every answer, refusals too."""


class RefusalError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> JSONResponse:
        """Write it as every error is written."""
        sayable = self.message.encode("utf-8", "backslashreplace").decode()  # a request may hold half a letter
        return JSONResponse({"error": {"code": self.code, "message": sayable}}, self.status)


async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer instead of everything else while there are too many connections."""
    response = RefusalError(503, "busy", "Too many connections at once. Close some tabs, or try again.").response()
    response.headers.update(HEADERS)
    await response(scope, receive, send)


class Guard:
    """The outermost layer. ``hosts`` are the values of Host that are ours, ``token`` what our page sends with a POST.

    Where there is a ``key``, who asks for anything but the page and its state bears the cookie that the page came with, or
    the token.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], token: str, key: str | None = None) -> None:
        self.app, self.hosts, self.token, self.key = app, frozenset(host.lower() for host in hosts), token, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with the body read and our headers on the answer."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            self._check(scope)
            body = await _body(scope, receive)
            await self.app(scope, _replayed(body, receive), send_with_headers)
        except RefusalError as refusal:
            if not begun:
                await refusal.response()(scope, receive, send_with_headers)
        except asyncio.CancelledError:  # only the end of the server cancels an answer
            if not begun:
                ended = RefusalError(503, "ended", "The server ends; what was asked for is not finished.")
                await ended.response()(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if len(scope["path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_PATH:
            raise RefusalError(414, "address", "The address is too long.")
        if sum(len(name) + len(value) for name, value in headers.raw) > MOST_HEADER_BYTES:
            raise RefusalError(
                431, "headers", f"The headers are too long; expected at most {MOST_HEADER_BYTES:,} bytes."
            )
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            raise RefusalError(
                421, "host", "This server answers to its own address only. Open the address that it printed."
            )
        host = hosts[0]
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            raise RefusalError(
                403, "origin", "The request comes from another site. Open the page at the address printed."
            )
        site = headers.get("sec-fetch-site")
        is_call = scope["path"].startswith("/api/")
        if site not in (None, "same-origin", "none") and (is_call or scope["method"] not in ("GET", "HEAD")):
            raise RefusalError(
                403, "origin", "The request comes from another site. Open the page at the address printed."
            )
        has_token = _same(headers.get("x-token", ""), self.token)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            if self.key is not None and is_call and scope["path"] != STATE and not has_token:
                cookies = cookie_parser(headers.get("cookie", ""))
                if not _same(cookies.get(cookie_of(host), ""), self.key):
                    raise RefusalError(403, "key", KEY_IS_MISSING)
            return
        if not has_token:
            raise RefusalError(403, "token", "The page is of another run of the server. Reload it.")
        if scope["method"] == "POST" and headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise RefusalError(415, "content-type", "The body is not said to be JSON; expected application/json.")


def cookie_of(host: str) -> str:
    """Name the cookie of a server: those of one machine's servers are told apart by their port.

    >>> cookie_of("lab.example:8765")
    'pellucid-8765'
    """
    return f"pellucid-{host.rpartition(':')[2] if ':' in host else 80}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Read the body, as long as it says and no longer than it may be, in due time."""
    headers: Mapping[str, str] = Headers(scope=scope)
    if "transfer-encoding" in headers:
        raise RefusalError(411, "length", "The body comes in chunks; expected a Content-Length.")
    length = headers.get("content-length", "0" if scope["method"] != "POST" else None)
    if length is None:
        raise RefusalError(411, "length", "There is no Content-Length; expected one.")
    if not (length.isascii() and length.isdigit()):
        raise RefusalError(400, "length", "The Content-Length is no number.")
    if int(length) > MOST_BYTES:
        raise RefusalError(413, "size", f"The body has {int(length):,} bytes; expected at most {MOST_BYTES:,}.")
    body = b""
    try:
        async with asyncio.timeout(SECONDS_FOR_A_BODY):
            while len(body) < int(length):
                message = await receive()
                if message["type"] != "http.request":
                    raise RefusalError(400, "length", "The connection ended before the body.")
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    raise RefusalError(413, "size", f"The body is too long; expected at most {MOST_BYTES:,} bytes.")
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise RefusalError(408, "time", f"The body did not come within {SECONDS_FOR_A_BODY:g} s.") from None
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand the body on to who asks for it, once."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
