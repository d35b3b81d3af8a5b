"""Who may keep an answer."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tailgate_service.app import create_app

from tests.service.api.conftest import client_of, settings_for
from tests.service.api.test_problems import Doorman, store_of


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings_for("parallel", "postgresql://"), store_of(Doorman())), "key") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/me", 200), ("GET", "/api/nowhere", 404), ("POST", "/api/contacts", 422), ("PUT", "/api/me", 405)],
)
async def test_nobody_keeps_an_answer_of_the_api(client, method, path, status):
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")


async def test_the_description_may_be_kept(client):
    assert "cache-control" not in (await client.get("/openapi.json")).headers
