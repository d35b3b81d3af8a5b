"""A token of the issuer lets members in, each as what she is, and nobody else."""

import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from tailgate_otel import recording
from tailgate_service.app import create_app, create_store
from tailgate_service.settings import Settings

from tests.server import Response
from tests.service.api.conftest import once, serving
from tests.service.auth.issuer import KeyServer, by_hand, document, ec_key, jwk, rsa_key, token

ME = "/api/me"
INBOX = "/api/conversations"


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    with KeyServer(jwk(rsa_key(), "first"), jwk(ec_key(), "curve")) as server:
        yield server


@pytest.fixture
def settings(variant, database_of, settings_for, issuer) -> Settings:
    return settings_for(variant, database_of(variant).dsn, issuer=issuer.issuer)


@pytest.fixture
async def app(settings) -> AsyncIterator[FastAPI]:
    async with serving(settings) as app:
        yield app


def bearer(text: str, workspace: uuid.UUID | None = None) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"} | ({} if workspace is None else {"x-workspace-id": str(workspace)})


async def join(world, role: str = "agent", subject: str | None = None) -> str:
    """Make somebody a member: her subject."""
    subject = subject or f"person|{uuid.uuid4()}"
    user = await world.user()
    await world.database.execute("UPDATE users SET role = $2, subject = $3 WHERE id = $1", user, role, subject)
    return subject


async def problem(client: httpx.AsyncClient, status: int, headers, path: str = INBOX) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


@pytest.mark.row("A9")
async def test_a_member_is_let_in_by_a_token_of_either_kind(anybody, world):
    subject = await join(world)
    await world.conversation()
    for text in (token(sub=subject), token(ec_key(), "ES256", {"kid": "curve"}, sub=subject)):
        answer = await anybody.get(INBOX, headers=bearer(text))
        assert len(answer.json()["conversations"]) == 1


async def test_the_word_bearer_is_taken_in_any_letters(anybody, world):
    headers = {"authorization": f"bEARER {token(sub=await join(world))}"}
    assert (await anybody.get(INBOX, headers=headers)).status_code == 200


@pytest.mark.row("A9")
async def test_who_is_no_member_is_not_let_in_though_her_token_is_good(anybody, world):
    assert "no workspace" in await problem(anybody, 403, bearer(token(sub=str(uuid.uuid4()))))
    assert "no workspace" in await problem(anybody, 403, bearer(token(sub="' OR true --")))


@pytest.mark.row("A9")
async def test_a_member_of_another_workspace_is_not_let_into_this_one(anybody, world, elsewhere):
    subject = await join(elsewhere, "admin")
    assert "not belong" in await problem(anybody, 403, bearer(token(sub=subject), world.id))
    assert "not belong" in await problem(anybody, 403, bearer(token(sub=subject), uuid.uuid4()))


@pytest.mark.row("A9")
async def test_who_was_a_member_is_not_let_in(anybody, world):
    subject = await join(world)
    assert (await anybody.get(INBOX, headers=bearer(token(sub=subject)))).status_code == 200
    await world.database.execute("DELETE FROM users WHERE subject = $1", subject)
    await problem(anybody, 403, bearer(token(sub=subject)))


async def test_who_belongs_to_several_says_where_she_asks(anybody, world, elsewhere):
    subject = await join(world)
    await join(elsewhere, subject=subject)
    conversation = await elsewhere.conversation()
    text = token(sub=subject)
    assert "GET /api/me" in await problem(anybody, 400, bearer(text))
    found = [
        (await anybody.get(INBOX, headers=bearer(text, one.id))).json()["conversations"] for one in (world, elsewhere)
    ]
    assert [[item["id"] for item in items] for items in found] == [[], [str(conversation)]]


@once
@pytest.mark.parametrize("workspace", ["", "here", "1", "0" * 33])
async def test_a_workspace_that_is_no_id_is_named(anybody, world, workspace):
    headers = bearer(token(sub=await join(world))) | {"x-workspace-id": workspace}
    answer = await anybody.get(INBOX, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "header"
    assert answer.json()["errors"][0]["field"].lower() == "x-workspace-id"


@pytest.mark.row("A9")
async def test_a_key_opens_its_own_workspace_whatever_is_said(client, world, elsewhere):
    assert (await client.get(INBOX, headers={"x-workspace-id": str(world.id)})).status_code == 200
    await problem(client, 403, {"x-workspace-id": str(elsewhere.id)})


@pytest.mark.row("A9")
async def test_a_token_and_a_key_at_once_are_refused_and_so_are_two_of_a_kind(anybody, world):
    text, key = token(sub=await join(world)), world.key
    for headers in (
        [("authorization", f"Bearer {text}"), ("x-api-key", key)],
        [("authorization", "Basic dTpw"), ("x-api-key", key)],
        [("authorization", f"Bearer {text}"), ("x-api-key", "")],
        [("authorization", f"Bearer {text}"), ("authorization", f"Bearer {text}")],
        [("x-api-key", key), ("x-api-key", key)],
    ):
        assert "once" in await problem(anybody, 400, headers)


@once
@pytest.mark.row("A9")
@pytest.mark.parametrize(
    "forge",
    [
        lambda sub: token(rsa_key(1), sub=sub),
        lambda sub: token(headers={"kid": "unknown"}, sub=sub),
        lambda sub: token(sub=sub, exp=int(time.time()) - 3600),
        lambda sub: token(sub=sub, nbf=int(time.time()) + 3600),
        lambda sub: token(sub=sub, iss="https://evil.test/"),
        lambda sub: token(sub=sub, aud="another"),
        lambda sub: token(sub=sub, aud=None),
        lambda sub: by_hand({"alg": "none", "kid": "first"}, {"sub": sub}),
        lambda sub: by_hand({"alg": "HS256", "kid": "first"}, {"sub": sub}, document(jwk(rsa_key(), "first"))),
        lambda sub: token(sub=sub)[:-4],
        lambda sub: token(sub=sub) + "x" * 10_000,
        lambda _: "nonsense",
        lambda _: "",
    ],
)
async def test_what_is_no_good_token_lets_nobody_in_and_is_not_repeated(anybody, world, forge, caplog):
    text = forge(await join(world))
    with caplog.at_level(logging.DEBUG):
        answer = await anybody.get(INBOX, headers=bearer(text))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for part in (one for one in text.split(".") if len(one) > 8):
        assert part not in answer.text + caplog.text


@once
@pytest.mark.parametrize("shown", ["Basic dTpw", "Bearer", "", "Token x"])
async def test_what_is_no_bearer_is_told_what_would_be(anybody, shown):
    detail = await problem(anybody, 401, {"authorization": shown})
    assert detail.startswith(("The header x-api-key must hold", "The token"))


@pytest.mark.row("A9")
async def test_keys_rotate_while_we_serve(anybody, world, issuer):
    subject = await join(world)
    issuer.show(jwk(rsa_key(3), "third"))
    assert (
        await anybody.get(INBOX, headers=bearer(token(rsa_key(3), headers={"kid": "third"}, sub=subject)))
    ).is_success
    await problem(anybody, 401, bearer(token(sub=subject)))
    assert len(issuer.asked) == 1


@pytest.mark.row("A9")
async def test_without_the_issuers_keys_nobody_can_be_judged_and_keys_of_workspaces_go_on(
    anybody, client, world, issuer
):
    issuer.answer = Response(status=500)
    answer = await anybody.get(INBOX, headers=bearer(token(sub=await join(world))))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get(INBOX)).status_code == 200


async def test_a_service_without_an_issuer_takes_no_token(settings_for, client_of, world):
    app = create_app(settings_for("parallel", "postgresql://"), create_store("parallel", None))
    async with client_of(app) as client:
        assert "Bearer" not in (await client.get(INBOX)).headers["www-authenticate"]
        await problem(client, 401, bearer(token(sub=await join(world))))


async def test_who_asks_can_learn_what_is_known_of_her(anybody, client, world, elsewhere):
    subject = await join(world, "admin")
    await join(elsewhere, "agent", subject)
    said = (await anybody.get(ME, headers=bearer(token(sub=subject)))).json()
    assert {(one["workspace_id"], one["role"]) for one in said["belongings"]} == {
        (str(world.id), "admin"),
        (str(elsewhere.id), "agent"),
    }
    assert {one["workspace"] for one in said["belongings"]} == {"Test"}
    assert all(one["user_id"] for one in said["belongings"])
    assert said["expires_at"] is not None
    outsider = (await anybody.get(ME, headers=bearer(token(sub="nobody")))).json()
    assert outsider["belongings"] == []
    assert outsider["expires_at"] is not None
    key = {"workspace_id": str(world.id), "workspace": "Test", "user_id": None, "role": "key"}
    assert (await client.get(ME)).json() == {"belongings": [key], "expires_at": None}


@pytest.mark.row("A3")
async def test_asking_who_asks_takes_one_query_whatever_is_shown(anybody, client, world):
    text = token(sub=await join(world))
    for send in (lambda: client.get(ME), lambda: anybody.get(ME, headers=bearer(text))):
        with recording() as record:
            assert (await send()).status_code == 200
        assert record.queries == 1


@pytest.fixture
async def described(app, client_of) -> AsyncIterator[dict]:
    async with client_of(app) as client:
        yield (await client.get("/openapi.json")).json()


async def test_the_description_says_how_who_asks_is_refused(described):
    guarded = [
        operation for path in described["paths"].values() for operation in path.values() if "security" in operation
    ]
    assert len(guarded) > 3
    for operation in guarded:
        assert {"400", "401", "403", "422", "503"} <= set(operation["responses"])
        assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert {"APIKeyHeader", "HTTPBearer"} == set(described["components"]["securitySchemes"])
