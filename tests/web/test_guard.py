"""Nobody but our page gets an answer, and nothing that is sent does harm: every route is asked wrongly in every way."""

from __future__ import annotations

import json

import pytest

from pellucid.web.app import description
from pellucid.web.guard import HEADERS, MOST_BYTES

API, HOST, TOKEN = "/api/v1", "127.0.0.1:8765", "the token of this test"

ROUTES = [
    (method.upper(), path.replace("{number}", "1").replace("{place}", "0"))
    for path, operations in description()["paths"].items()
    for method in operations
]
ALL = [*ROUTES, ("GET", "/"), ("GET", "/static/main.js"), ("GET", "/favicon.ico")]
POSTS = [path for method, path in ROUTES if method == "POST"]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def stranger(make_client):
    client = make_client()
    del client.headers["X-Token"]
    yield client
    client.trainer.close()


def code_of(answer) -> str:
    return answer.json()["error"]["code"]


@pytest.mark.parametrize(("method", "path"), ALL)
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:8765", ""])
def test_another_host_is_refused_before_anything_else(stranger, method, path, host) -> None:
    answer = stranger.request(method, path, headers={"Host": host, "X-Token": TOKEN, **JSON}, content=b"{}")
    assert (answer.status_code, code_of(answer)) == (421, "host")


def test_ours_are_the_loopback_names_with_the_port_only() -> None:
    from pellucid.web.server import own_hosts

    assert own_hosts(8765) == ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "é"])
def test_a_post_without_the_token_is_refused(stranger, path, token) -> None:
    headers = JSON if token is None else {"X-Token": token.encode(), **JSON}
    answer = stranger.post(path, headers=headers, content=b"{}")
    assert (answer.status_code, code_of(answer)) == (403, "token")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://{HOST}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_call_from_another_site_is_refused(stranger, method, path, headers) -> None:
    answer = stranger.request(method, path, headers={"X-Token": TOKEN, **JSON, **headers}, content=b"{}")
    assert (answer.status_code, code_of(answer)) == (403, "origin")


def test_a_link_from_another_site_may_lead_to_the_page(stranger) -> None:
    assert stranger.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_is_not_said_to_be_json_is_refused(stranger, path, kind) -> None:
    answer = stranger.post(path, headers={"X-Token": TOKEN, "Content-Type": kind}, content=b"{}")
    assert (answer.status_code, code_of(answer)) == (415, "content-type")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_too_large_is_refused(stranger, path) -> None:
    answer = stranger.post(path, headers={"X-Token": TOKEN, **JSON}, content=b" " * (MOST_BYTES + 1))
    assert (answer.status_code, code_of(answer)) == (413, "size")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_in_chunks_is_refused(stranger, path) -> None:
    answer = stranger.post(path, headers={"X-Token": TOKEN, **JSON}, content=iter([b"{}"]))
    assert (answer.status_code, code_of(answer)) == (411, "length")


NO_JSON = [
    b"",
    b"{",
    b"nul",
    b"\xff",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 1, "a": 2}',
    b"[" * 60_000,
    b"1" * 5000,
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
def test_a_body_that_is_no_json_is_refused(stranger, path, body) -> None:
    answer = stranger.post(path, headers={"X-Token": TOKEN, **JSON}, content=body)
    assert (answer.status_code, code_of(answer)) == (400, "json")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [[], 1, "x", None, {"unknown": 1}, {"\ud800": 1}])
def test_a_body_that_is_no_record_of_known_fields_is_refused(stranger, path, body) -> None:
    answer = stranger.post(path, headers={"X-Token": TOKEN, **JSON}, content=json.dumps(body).encode())
    assert (answer.status_code, code_of(answer)) == (422, "fields")


@pytest.mark.parametrize("path", sorted({path for _, path in ALL}))
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT"])
def test_a_wrong_method_is_refused(stranger, path, method) -> None:
    answer = stranger.request(method, path, headers={"X-Token": TOKEN})
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/index.html",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/etc/passwd",
        "/api/v1",
        "/api/v1/nothing",
        "/static/main.js/",
        "/api/v1/explanation/-1/along",
    ],
)
def test_no_address_leads_to_anything_but_what_is_listed(stranger, path) -> None:
    answer = stranger.get(path)
    assert (answer.status_code, code_of(answer)) == (404, "address")


def test_headers_that_are_too_long_are_refused(stranger) -> None:
    answer = stranger.get("/", headers={f"X-{number}": "y" * 100 for number in range(200)})
    assert (answer.status_code, code_of(answer)) == (431, "headers")


def test_an_address_that_is_too_long_is_refused(stranger) -> None:
    assert stranger.get(f"{API}/explanation/{'9' * 5000}/along").status_code == 414


@pytest.mark.parametrize(("method", "path"), [*ALL, ("GET", "/nothing"), ("PUT", "/")])
@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_every_answer_bears_the_headers_that_protect(stranger, method, path, host) -> None:
    answer = stranger.request(method, path, headers={"Host": host})
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert "set-cookie" not in answer.headers


def test_the_policy_permits_nothing_inline_and_nothing_from_outside() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_token_is_in_the_page_and_nowhere_else(stranger) -> None:
    assert TOKEN in stranger.get("/").text
    for method, path in ALL[:-3]:
        if method == "GET":
            assert TOKEN not in stranger.get(path).text


def test_where_the_page_is_read_only_nothing_can_be_changed(make_client) -> None:
    client = make_client(read_only=True)
    assert client.read("7")["says"] == "7"
    pixels = client.read("7")["pixels"]
    identity = client.tell("explanation", pixels=pixels, label="3")["id"]
    bodies = {
        "step": {"id": identity},
        "undo": {"version": 1},
        "network": {"source": "given"},
        "run/rate": {"learning_rate": 1},
    }
    for path in (
        "step",
        "undo",
        "network",
        "run",
        "run/rate",
        *(f"run/{verb}" for verb in ("pause", "reset", "discard")),
    ):
        assert client.refused(path, **bodies.get(path, {}))[:2] == (403, "read-only")
