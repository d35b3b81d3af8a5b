"""Whatever goes wrong is said as a problem."""

import gzip
import uuid
from collections.abc import AsyncIterator
from dataclasses import fields

import asyncpg
import httpx
import pytest
from tailgate_service.app import create_app
from tailgate_service.limits import MAX_BODY
from tailgate_service.problems import ProblemDetails
from tailgate_service.store.base import Store, Workspace


def problem(answer) -> ProblemDetails:
    assert answer.headers["content-type"] == "application/problem+json"
    details = ProblemDetails.model_validate_json(answer.content)
    assert details.status == answer.status_code
    return details


class Broken:
    """A part of a store whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _: str):
        async def fail(*_: object, **__: object) -> None:
            raise self._error

        return fail


def store_of(part: object) -> Store:
    return Store(**{field.name: part for field in fields(Store)})


class Doorman:
    """A part of a store that lets everybody in, and knows nothing else."""

    async def workspace_by_key(self, key_sha256: bytes) -> Workspace:
        return Workspace(id=uuid.uuid4(), name="x", api_key_sha256=key_sha256)


@pytest.fixture
async def client(settings_for, client_of) -> AsyncIterator[httpx.AsyncClient]:
    """Whatever is refused before a store is asked."""
    async with client_of(create_app(settings_for("parallel", "postgresql://"), store_of(Doorman())), "key") as client:
        yield client


@pytest.mark.parametrize("path", ["/nowhere", "/api/contacts/", "/API/contacts"])
async def test_no_such_path(client, path):
    """One that is nearly right leads nowhere either: a redirection would go to whatever host the request names."""
    assert problem(await client.get(path)).status == 404


async def test_no_such_method(client):
    answer = await client.delete("/api/conversations")
    assert problem(answer).status == 405
    assert answer.headers["allow"] == "GET"


NOT_AN_OBJECT = {
    "broken off": b"{",
    "too deep": b"[" * 100_000,
    "zipped": gzip.compress(b"{}", mtime=0),
    "not utf-8": b"\xff",
    "a string": b'"text"',
    "a list": b"[]",
    "empty": b"",
}


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
async def test_a_body_that_is_not_as_it_must_be_is_named(client, body):
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/messages/send", content=body, headers=headers)
    assert problem(answer).status == 422
    assert [(error.location, error.field) for error in problem(answer).errors] == [("body", "")]


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"])
async def test_a_body_that_does_not_say_that_it_is_json_is_told_so(client, kind):
    answer = await client.post("/api/messages/send", content=b"{}", headers={"content-type": kind})
    assert problem(answer).status == 422
    assert problem(answer).errors[0].detail == "Input should be an object of JSON, sent as application/json"


async def test_json_that_breaks_off_is_named_so(client):
    headers = {"content-type": "application/json"}
    answer = await client.post("/api/messages/send", content=b'{"body": ', headers=headers)
    assert problem(answer).errors[0].detail.startswith("not JSON: ")


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"metadata": {"a": {"b": 1}}}, "metadata.a", "a text without NUL, a number, true, false or null"),
        ({"metadata": [1]}, "metadata", "an object"),
        ({"tags": "vip"}, "tags", "an array"),
        ({"assigned_to": 7}, "assigned_to", "a UUID, as text"),
    ],
)
async def test_a_field_that_does_not_fit_is_named_once_in_the_words_of_json(client, body, field, detail):
    answer = await client.patch(f"/api/conversations/{uuid.uuid4()}", json=body)
    [error] = problem(answer).errors
    assert (error.location, error.field, error.detail) == ("body", field, f"Input should be {detail}")


async def test_a_parameter_of_several_kinds_is_named_once(client):
    [error] = problem(await client.get("/api/conversations", params={"assigned_to": "nobody"})).errors
    expected = ("query", "assigned_to", "Input should be a member's id, or unassigned")
    assert (error.location, error.field, error.detail) == expected


async def test_values_at_fault_are_not_repeated(client):
    answer = await client.post("/api/messages/send", json={"conversation_id": "geheim", "body": "x"})
    assert problem(answer).status == 422
    assert "geheim" not in answer.text


@pytest.mark.parametrize("path", ["/api/messages/send", "/api/webhook/kapso", "/nowhere", "/health"])
async def test_a_body_announced_too_large_is_refused_on_any_path(client, path):
    answer = await client.post(path, content=b"x" * (MAX_BODY + 1))
    assert problem(answer).status == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/api/messages/send", "/api/webhook/kapso"])
async def test_a_body_that_streams_past_the_bound_is_refused_without_reading_on(client, path):
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 4096

    answer = await client.post(path, content=endless())
    assert problem(answer).status == 413
    assert sent == MAX_BODY // 4096 + 1


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.TooManyConnectionsError("full"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionRefusedError("refused"),
        TimeoutError(),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.SerializationError("could not serialize access"),
    ],
)
async def test_a_database_that_is_gone_or_undoes_whatever_is_tried_is_503(settings_for, client_of, error):
    app = create_app(settings_for("parallel", "postgresql://"), store_of(Broken(error)))
    async with client_of(app, "key") as client:
        answer = await client.get("/api/conversations")
        assert problem(answer).status == 503
        assert answer.headers["retry-after"] == "1"
        assert problem(await client.get("/health")).status == 503


@pytest.mark.parametrize("error", [RuntimeError("secret cause"), asyncpg.exceptions._base.DataError("bad value")])
async def test_our_own_mistake_is_500_and_keeps_its_cause_to_itself(settings_for, client_of, error):
    app = create_app(settings_for("parallel", "postgresql://"), store_of(Broken(error)))
    async with client_of(app, "key") as client:
        answer = await client.get("/api/conversations")
    assert problem(answer).status == 500
    assert str(error) not in answer.text
