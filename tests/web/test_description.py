"""openapi.json, written by hand, says what the routes do; and what is drawn from it at random finds no answer it does not
name."""

from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pellucid.web.app import Page, description

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
TOKEN, HOST = "the token of this test", "127.0.0.1:8765"


def described() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, operations in description()["paths"].items() for method in operations}


def test_every_route_is_described_and_nothing_else(client) -> None:
    page = Page(client.session, client.trainer, TOKEN)
    routes = {
        (method, re.sub(r":int\}", "}", route.path))
        for route in page.routes()
        if route.path.startswith("/api/")
        for method in route.methods - {"HEAD"}
    }
    assert routes == described()


def test_every_field_that_a_route_takes_is_described(client) -> None:
    from pellucid.web.runs import FIELDS

    setup = description()["components"]["schemas"]["Setup"]["properties"]
    assert set(setup) == set(FIELDS)


def test_the_page_is_given_the_description(client) -> None:
    assert client.ask("openapi.json") == description()


@pytest.fixture(scope="module")
def fuzzed(make_client):
    client = make_client(raises=False)
    client.tell("explanation", index=3)
    client.trainer._spawn = lambda *_, **__: None  # the fuzz is of the door; trainings are tested elsewhere
    schema = schemathesis.openapi.from_dict(description())
    schema.config.update(base_url=f"http://{HOST}")
    yield client, schema
    client.trainer.close()


def asked() -> list[tuple[GenerationMode, str, str]]:
    """Each route in the way that is described; and wrongly, where it takes anything that can be wrong."""
    right = [(GenerationMode.POSITIVE, method, path) for method, path in sorted(described())]
    wrong = [
        (GenerationMode.NEGATIVE, method, path)
        for _, method, path in right
        if {"parameters", "requestBody"} & description()["paths"][path][method.lower()].keys()
    ]
    return right + wrong


@pytest.mark.parametrize(("mode", "method", "path"), asked())
def test_whatever_is_asked_the_answer_is_one_that_is_described(fuzzed, mode, method, path) -> None:
    client, schema = fuzzed

    @settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        words = case.as_transport_kwargs(headers={"Host": HOST, "X-Token": TOKEN})
        given_ = {key: words[key] for key in ("method", "url", "headers", "params", "json", "content") if key in words}
        answer = client.request(**given_)
        assert str(answer.status_code) in description()["paths"][path][method.lower()]["responses"], answer.text
        case.validate_response(answer, checks=CHECKS)

    ask()
