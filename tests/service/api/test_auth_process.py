"""The service as a process that is told of an issuer: whom it lets in, and what it tells nobody."""

import os
import uuid
from collections.abc import Iterator

import asyncpg
import httpx
import pytest
from tailgate_otel import names
from tailgate_service.process import Child

from tests.server import Response
from tests.service.api.conftest import World
from tests.service.auth.issuer import AUDIENCE, NAME, KeyServer, jwk, rsa_key, token

TRACED = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    with KeyServer(jwk(rsa_key(), "first")) as server:
        yield server


@pytest.fixture
def service(seeded_database, issuer, tmp_path) -> Iterator[Child]:
    """Every request to it is traced."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        names.ENV_DATABASE_URL: seeded_database.dsn,
        names.ENV_WEBHOOK_SECRET: "secret",
        names.ENV_WEBHOOK_VERIFY_TOKEN: "word",
        names.ENV_TOKEN_ISSUER: NAME,
        names.ENV_TOKEN_AUDIENCE: AUDIENCE,
        names.ENV_TOKEN_KEYS: issuer.url,
        names.ENV_METRICS_PORT: "0",
        names.ENV_TRACES_FILE: str(tmp_path / "traces.jsonl"),
        names.ENV_TRUSTED_PEERS: "127.0.0.1",
    }
    with Child("tailgate_service", [], environ=environ, log=tmp_path / "log", within=30) as child:
        yield child


@pytest.mark.row("A9")
async def test_a_process_lets_members_in_and_tells_nobody_what_they_showed(seeded_database, service, issuer, tmp_path):
    database = await asyncpg.connect(seeded_database.owner_dsn)
    world, subject = await World(database).settle(), str(uuid.uuid4())
    await database.execute("UPDATE users SET subject = $2 WHERE id = $1", await world.user(), subject)
    await database.close()

    texts = token(sub=subject), token(rsa_key(1), sub=subject), token(headers={"kid": "unknown"}, sub=subject)
    async with httpx.AsyncClient(base_url=service.ready["url"], headers=TRACED) as client:
        statuses = []
        for text in texts:
            answer = await client.get("/api/conversations", headers={"authorization": f"Bearer {text}"})
            statuses.append(answer.status_code)
        given = await client.post("/api/live/ticket", headers={"authorization": f"Bearer {texts[0]}"})
        ticket = given.json()["ticket"]
        refused = await client.get("/api/live/events", params={"ticket": f"{ticket}x"})
        # A minute has not passed since the last time, so nobody was asked for it.
        issuer.answer = Response(status=500)
        keyed = await client.get("/api/conversations", headers={"x-api-key": world.key})
    assert (statuses, refused.status_code, keyed.status_code) == ([200, 401, 401], 401, 200)
    assert len(issuer.asked) == 1
    service.close(patience=10)

    traces = (tmp_path / "traces.jsonl").read_text()
    written = traces + (tmp_path / "log").read_text()
    assert traces.count("/api/conversations") >= len(texts)
    secrets = [world.key, ticket, subject, *(part for text in texts for part in text.split("."))]
    assert [secret for secret in secrets if secret in written] == []
