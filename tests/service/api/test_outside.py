"""From outside a workspace nothing of it is seen and nothing changed: every endpoint, tried by everybody."""

import importlib
import pkgutil
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from tailgate_service import routes
from tailgate_service.app import create_app, create_store
from tailgate_service.settings import Settings

from tests.service.api.conftest import client_of, settings_for
from tests.service.api.outside import CASES, FORGERS, KEYS, Headers, Victim, foreigners, insiders, rows, victim
from tests.service.auth.issuer import KeyServer


@pytest.fixture(scope="session")
def issuer() -> Iterator[KeyServer]:
    with KeyServer(*KEYS) as server:
        yield server


@pytest.fixture
def settings(variant, database_of, settings_for, issuer) -> Settings:
    return settings_for(variant, database_of(variant).dsn, issuer=issuer.issuer)


class Asker:
    """Asks one endpoint, as its case says, for what is a victim's."""

    def __init__(self, app: FastAPI, endpoint: str) -> None:
        self.method, self.path = endpoint.split(" ")
        self.case = CASES[endpoint]
        self._app = app

    async def ask(self, one: Victim, shown: Headers) -> httpx.Response:
        headers = [*shown, *one.filled(self.case.headers).items()]
        path, params = self.path.format_map(one.names), one.filled(self.case.params)
        if self.method == "WEBSOCKET":
            return await shake(self._app, path, params, headers)
        async with client_of(self._app) as client:
            body = one.filled(self.case.json)
            answer = await client.request(self.method, path, params=params, json=body, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer


async def shake(app: FastAPI, path: str, params: dict[str, str], headers: Headers) -> httpx.Response:
    """The answer to a WebSocket's handshake, 101 when it was accepted."""
    heard = iter([{"type": "websocket.connect"}])
    status, body = 101, b""

    async def receive() -> dict:
        return next(heard, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: dict) -> None:
        nonlocal status, body
        status = message.get("status", 403 if message["type"] == "websocket.close" else status)
        body += message.get("body", b"") + message.get("text", "").encode()

    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(params).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in [("host", "service"), *headers]],
        "subprotocols": [],
        "scheme": "ws",
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return httpx.Response(status, content=body)


def leaked(one: Victim, answer: httpx.Response, asked: str) -> list[str]:
    """What of the victim's the answer has that was not in the question."""
    said = answer.text + str(answer.headers)
    return [secret for secret in (one.mark, *one.ids) if secret in said and secret not in asked]


def question(asker: Asker, one: Victim) -> str:
    """All that is sent but for what says who asks; that names the workspace, which so is nothing to be learnt."""
    case = asker.case
    return " ".join(
        map(str, (asker.path.format_map(one.names), *map(one.filled, (case.params, case.json)), one.world.id))
    )


async def made(app: FastAPI, database) -> Victim:
    """A victim that has begun a test call as well."""
    one = await victim(database)
    async with client_of(app, one.world.key) as client:
        answer = await client.post("/api/founder-console/test-agent")
    one.names["call_id"] = answer.json()["id"]
    return one


def described() -> dict[str, bool]:
    """Every endpoint, and whether the description says that it asks who asks."""
    app = create_app(settings_for("parallel", "postgresql://"), create_store("parallel", None))
    found = {
        f"{method.upper()} {path}": "security" in operation
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }
    # OpenAPI knows nothing of WebSockets.
    for module in pkgutil.iter_modules(routes.__path__, f"{routes.__name__}."):
        router = getattr(importlib.import_module(module.name), "router", None)
        for route in router.routes if router else ():
            if isinstance(route, APIWebSocketRoute):
                found[f"WEBSOCKET {route.path}"] = False
    return found


@pytest.mark.row("A9")
def test_every_endpoint_has_a_case():
    """Whoever adds an endpoint adds its line to CASES in tests/service/api/outside.py."""
    endpoints = described()
    assert set(CASES) == set(endpoints)
    # Who does not ask who asks says what guards it instead.
    assert {name for name, case in CASES.items() if case.always is None} == {n for n, asks in endpoints.items() if asks}
    assert all(case.elsewhere for case in CASES.values() if case.always is not None)


@pytest.mark.row("A9")
@pytest.mark.parametrize("endpoint", CASES)
async def test_who_does_not_belong_there_sees_nothing_and_changes_nothing(app, database, endpoint):
    asker, one = Asker(app, endpoint), await made(app, database)
    asked, others = question(asker, one), await foreigners(one)
    everybody = one.ids | {str(others.world.id)}
    before = await rows(database, everybody)

    for who, (status, shown) in FORGERS.items():
        answer = await asker.ask(one, shown(one))
        assert answer.status_code == (asker.case.always or status), f"{who}: {answer.text}"
        assert not leaked(one, answer, asked), who
    for who, shown in others.refused(one).items():
        answer = await asker.ask(one, shown)
        assert answer.status_code == (asker.case.always or (200 if asker.case.personal else 403)), (
            f"{who}: {answer.text}"
        )
        assert not leaked(one, answer, asked), who
    assert await rows(database, everybody) == before

    before = await rows(database, one.ids)
    for who, shown in others.foreign().items():
        answer = await asker.ask(one, shown)
        assert asker.case.always in (None, answer.status_code), f"{who}: {answer.text}"
        if asker.case.admins and who == "a foreign agent":
            assert answer.status_code == 403
        assert not leaked(one, answer, asked), f"{who}: {answer.text}"
    assert await rows(database, one.ids) == before


@pytest.mark.row("A9")
@pytest.mark.parametrize("endpoint", [name for name, case in CASES.items() if case.always is None])
async def test_the_same_question_of_who_belongs_there_is_answered(app, database, endpoint):
    """Or else nothing would be shown by its being refused."""
    asker = Asker(app, endpoint)
    for who in ("its key", "its admin", "its agent"):
        one = await made(app, database)
        before = await rows(database, one.ids)
        answer = await asker.ask(one, insiders(one)[who])
        if asker.case.admins and who == "its agent":
            assert answer.status_code == 403, answer.text
            assert not leaked(one, answer, question(asker, one))
            assert await rows(database, one.ids) == before
            continue
        assert answer.is_success, f"{who}: {answer.text}"
        assert (one.mark in answer.text) or not asker.case.shows, f"{who}: {answer.text}"
        if asker.method in ("PUT", "PATCH", "DELETE"):
            assert await rows(database, one.ids) != before, who
