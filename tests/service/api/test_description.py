"""What the description says and Schemathesis does not try."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from fastapi import FastAPI
from tailgate_loadtest.shapes.eventstream import EventParser
from tailgate_service.app import create_app
from tailgate_service.models.live import Hello, LiveEvent, MessageEvent

from tests.service.api.conftest import settings_for
from tests.service.api.test_problems import store_of

METHODS = {"DELETE", "GET", "PATCH", "POST", "PUT"}


@pytest.fixture(scope="module")
def empty() -> FastAPI:
    """The API over nothing."""
    return create_app(settings_for("parallel", "postgresql://"), store_of(None))


@pytest.fixture(scope="module")
def paths(empty) -> dict[str, dict[str, Any]]:
    return empty.openapi()["paths"]


def test_it_refers_to_nothing_that_it_does_not_have(empty):
    described = empty.openapi()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert {"ProblemDetails", "Payload", "StageEvent", "LiveEvent"} <= named <= set(described["components"]["schemas"])


async def test_a_path_refuses_every_other_method_and_names_its_own(empty, client_of, paths):
    async with client_of(empty) as client:
        for path, operations in paths.items():
            own = {method.upper() for method in operations}
            for method in METHODS - own:
                answer = await client.request(method, re.sub(r"\{\w+\}", str(uuid4()), path))
                assert answer.status_code == 405, f"{method} {path}"
                assert answer.headers["allow"] == ", ".join(sorted(own)), f"{method} {path}"


def test_every_error_is_a_problem_and_says_what_it_brings_along(paths):
    brought = {"401": ["WWW-Authenticate"], "429": ["Retry-After"], "503": ["Retry-After"]}
    for path, operations in paths.items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], path
                    assert list(response.get("headers", ())) == brought.get(status, []), path


@pytest.fixture
def variant() -> str:
    return "parallel"


async def test_the_events_of_a_live_stream_are_as_described(app, client, world):
    """Schemathesis would wait for its end."""
    conversation = await world.conversation()
    ticket = (await client.post("/api/live/ticket")).json()["ticket"]
    parser, events = EventParser(""), []
    greeted, enough = asyncio.Event(), asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        events.extend(parser.feed(message.get("body", b"")))
        if events:
            greeted.set()
        if len(events) == 2:
            enough.set()

    async def receive() -> dict[str, Any]:
        await enough.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/live/events",
        "query_string": urlencode({"ticket": ticket}).encode(),
        "headers": [(b"host", b"service")],
    }
    async with asyncio.timeout(30), app.state.listener.running():
        following = asyncio.create_task(app(scope, receive, send))
        await greeted.wait()
        message = {"conversation_id": str(conversation), "body": "x", "metadata": {"a": 1}}
        assert (await client.post("/api/messages/send", json=message)).status_code == 201
        await following
    hello, told = (LiveEvent.model_validate({"id": one.id, "event": one.type, "data": one.data}).data for one in events)
    assert isinstance(hello, Hello)
    assert isinstance(told, MessageEvent)
    assert told.body.message.conversation_id == conversation == told.body.conversation.id
