"""Pages of the origins that are allowed may use the API, and no others."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tailgate_service.app import create_app

from tests.service.api.conftest import client_of, settings_for
from tests.service.api.test_problems import Doorman, problem, store_of

OURS = "https://app.example"
ORIGIN, VARY = "access-control-allow-origin", "vary"
OTHERS = ["https://evil.example", "http://app.example", "https://app.example:8443", "https://app.example.evil", "null"]


async def client(*allowed: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings_for("parallel", "postgresql://", allowed_origins=allowed)
    async with client_of(create_app(settings, store_of(Doorman())), "key") as client:
        yield client


@pytest.fixture
async def closed() -> AsyncIterator[httpx.AsyncClient]:
    async for one in client():
        yield one


@pytest.fixture
async def opened() -> AsyncIterator[httpx.AsyncClient]:
    async for one in client(OURS, "https://other.example"):
        yield one


async def preflight(client: httpx.AsyncClient, origin: str, method: str = "POST", sent: str = "x-api-key"):
    headers = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": sent}
    return await client.options("/api/live/ticket", headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_that_is_allowed_is_told_what_it_may_send(opened, method):
    sent = "X-Api-Key, authorization,x-workspace-id, content-type, if-match, last-event-id, traceparent"
    answer = await preflight(opened, OURS, method, sent)
    assert (answer.status_code, answer.headers[ORIGIN]) == (200, OURS)
    assert method in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/me", 200), ("GET", "/nowhere", 404)])
async def test_a_page_that_is_allowed_may_read_whatever_is_answered(opened, method, path, status):
    answer = await opened.request(method, path, headers={"origin": OURS})
    assert (answer.status_code, answer.headers[ORIGIN]) == (status, OURS)
    assert "etag" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_page_may_read_that_its_body_was_too_large(opened):
    answer = await opened.post("/api/contacts", content=b"x" * 300_000, headers={"origin": OURS})
    assert (answer.status_code, answer.headers[ORIGIN]) == (413, OURS)


@pytest.mark.parametrize("origin", OTHERS)
async def test_a_page_that_is_not_allowed_may_read_nothing(opened, origin):
    for answer in (await opened.get("/api/me", headers={"origin": origin}), await preflight(opened, origin)):
        assert ORIGIN not in answer.headers
    assert problem(answer).status == 400


async def test_a_header_that_nobody_reads_is_refused(opened):
    assert "headers" in problem(await preflight(opened, OURS, sent="x-debug")).detail


@pytest.mark.parametrize("headers", [{}, {"origin": OURS}, {"origin": "https://evil.example"}])
async def test_caches_are_told_that_answers_differ_by_origin(opened, headers):
    answer = await opened.get("/openapi.json", headers=headers)
    assert "origin" in answer.headers[VARY].lower().split(", ")


async def test_where_no_origin_is_allowed_nothing_is_said_of_any(closed):
    answer = await closed.get("/api/me", headers={"origin": OURS})
    assert (answer.headers.get(ORIGIN), answer.headers[VARY]) == (None, "accept-encoding")
    assert problem(await preflight(closed, OURS)).status == 405
