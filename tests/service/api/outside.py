"""What the API is tried with from outside: a case for every endpoint, and everybody who should not get in.

An endpoint that has no line in ``CASES`` fails ``test_outside.py``. A line says how the endpoint is asked for what
belongs to somebody else: names in braces, in the path too, are filled with what ``Victim`` has.
"""

import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.service.api.conftest import World
from tests.service.auth.issuer import by_hand, document, ec_key, jwk, rsa_key, token


@dataclass(frozen=True, kw_only=True)
class Case:
    """How an endpoint is asked.

    ``admins``: an agent may not. ``shows``: who belongs there sees texts of the workspace in the answer. ``personal``:
    it is about who asks, whatever workspace is named. ``always``: what everybody is answered, because it is guarded
    otherwise (or not at all), and ``elsewhere`` says where that is tried.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    admins: bool = False
    shows: bool = False
    personal: bool = False
    always: int | None = None
    elsewhere: str = ""


MESSAGE = {"conversation_id": "{conversation_id}", "body": "from outside", "sender_id": "{user_id}"}
CONTACT = {"name": "from outside", "phone": "{free_phone}"}
CHANGE = {"status": "archived", "assigned_to": "{user_id}", "domain": "sales", "unread_count": 0, "tags": []}
AGENT = {"phone_number": "{number}", "configuration": {"name": "From outside", "prompt": "Say nothing."}}
DELIVERY = {
    "phone_number_id": "{phone_number_id}",
    "message": {"id": "from outside", "timestamp": "1700000000", "text": {"body": "from outside"}},
    "conversation": {"phone_number": "{phone}"},
}

VIEW = {"page": "/inbox", "device": "phone", "navigation": "navigate", "values": {"lcp": 1.5}}

CASES = {
    "GET /health": Case(always=200, elsewhere="it shows nothing of anybody"),
    "GET /api/me": Case(personal=True),
    "POST /api/vitals": Case(json=VIEW, always=204, elsewhere="it shows nothing, and keeps nothing but numbers"),
    "POST /api/live/ticket": Case(),
    "GET /api/live/events": Case(params={"ticket": "{used_ticket}"}, always=401, elsewhere="test_auth_tickets.py"),
    "WEBSOCKET /api/live": Case(params={"ticket": "{used_ticket}"}, always=401, elsewhere="test_auth_tickets.py"),
    "GET /api/contacts/by-phone": Case(params={"phone": "{phone}"}, shows=True),
    "GET /api/contacts": Case(params={"search": "{word}"}, shows=True),
    "POST /api/contacts": Case(json=CONTACT),
    "GET /api/contacts/{contact_id}": Case(shows=True),
    "PATCH /api/contacts/{contact_id}": Case(json={"email": "from@outside.test"}, shows=True),
    "DELETE /api/contacts/{contact_id}": Case(admins=True),
    "GET /api/conversations": Case(params={"assigned_to": "{user_id}", "tag": "{tag}"}, shows=True),
    "GET /api/conversations/{conversation_id}/messages": Case(shows=True),
    "PATCH /api/conversations/{conversation_id}": Case(json=CHANGE, shows=True),
    "POST /api/messages/send": Case(json=MESSAGE),
    "GET /api/webhook/kapso": Case(
        params={"hub.mode": "subscribe", "hub.verify_token": "{word}", "hub.challenge": "1"},
        always=403,
        elsewhere="test_webhook.py",
    ),
    "POST /api/webhook/kapso": Case(json=DELIVERY, always=401, elsewhere="test_webhook.py"),
    "GET /api/founder-console/agent": Case(shows=True),
    "PUT /api/founder-console/agent": Case(json=AGENT, headers={"if-match": "*"}, admins=True),
    "GET /api/founder-console/agent/by-number": Case(params={"phone_number": "{number}"}, shows=True),
    "POST /api/founder-console/test-agent": Case(),
    "GET /api/founder-console/test-agent/{call_id}": Case(),
    "GET /api/founder-console/test-agent/{call_id}/events": Case(),
    "GET /api/analytics/leads": Case(shows=True),
    "GET /api/analytics/dashboard-pulse": Case(),
    "GET /api/analytics/recent-activity": Case(shows=True),
    "GET /api/calls-dashboard": Case(shows=True),
    "GET /api/analytics/hourly-volume": Case(),
    "GET /api/analytics/domains": Case(),
}


@dataclass
class Victim:
    """A workspace with a row of everything. ``mark`` stands in all its texts, ``ids`` are those of its rows."""

    world: World
    names: dict[str, str]
    ids: frozenset[str]
    admin: str
    agent: str

    @property
    def mark(self) -> str:
        return self.names["word"]

    def filled(self, value: Any) -> Any:
        """``value`` with its names in braces filled."""
        if isinstance(value, Mapping):
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        return value.format_map(self.names) if isinstance(value, str) else value


async def join(world: World, role: str) -> tuple[uuid.UUID, str]:
    """Somebody new who belongs to ``world``: her id, and her subject."""
    subject = f"{role}|{uuid.uuid4()}"
    user = await world.user(f"Uma {secrets.token_hex(4)}")
    await world.database.execute("UPDATE users SET role = $2, subject = $3 WHERE id = $1", user, role, subject)
    return user, subject


async def victim(database: asyncpg.Connection) -> Victim:
    """A new one."""
    world, mark = await World(database).settle(), f"geheim{secrets.token_hex(8)}"
    await database.execute("UPDATE workspaces SET name = $2 WHERE id = $1", world.id, mark)
    (_, admin), (user, agent) = await join(world, "admin"), await join(world, "agent")
    phone, free, number = (str(10**12 + secrets.randbelow(10**12)) for _ in range(3))
    now = datetime.now(UTC)
    contact = await world.contact(phone=phone, name=f"Cora {mark}")
    note = await world.note(contact, mark)
    conversation = await world.conversation(
        contact,
        assigned_to=user,
        last_message_at=now - timedelta(minutes=9),
        last_message_preview=mark,
        metadata=json.dumps({"secret": mark}),
    )
    message = await world.message(conversation, mark, created_at=now - timedelta(minutes=9))
    await world.tag(conversation, mark)
    call = await world._insert(
        "calls",
        workspace_id=world.id,
        contact_id=contact,
        outcome="answered",
        lead_score=99,
        summary=mark,
        started_at=now - timedelta(minutes=5),
        seconds=60,
    )
    configuration = json.dumps({"name": mark, "prompt": mark})
    voice = await world._insert("agents", workspace_id=world.id, phone_number=number, configuration=configuration)
    names = {
        "word": mark,
        "tag": mark,
        "phone": phone,
        "free_phone": free,
        "number": number,
        "phone_number_id": world.phone_number_id,
        "used_ticket": secrets.token_urlsafe(32),
        "contact_id": str(contact),
        "conversation_id": str(conversation),
        "user_id": str(user),
    }
    ids = {str(one) for one in (world.id, user, contact, note, conversation, message, call, voice)}
    return Victim(world=world, names=names, ids=frozenset(ids), admin=admin, agent=agent)


Headers = list[tuple[str, str]]


def bearing(text: str) -> Headers:
    return [("authorization", f"Bearer {text}")]


def naming(workspace: uuid.UUID) -> Headers:
    return [("x-workspace-id", str(workspace))]


KEYS = jwk(rsa_key(), "first"), jwk(ec_key(), "curve")

# Who shows nothing that is true, and the status she is answered.
FORGERS: dict[str, tuple[int, Callable[[Victim], Headers]]] = {
    "nobody": (401, lambda _: []),
    "nobody who names the workspace": (401, lambda one: naming(one.world.id)),
    "a made up key": (401, lambda _: [("x-api-key", secrets.token_urlsafe(24))]),
    "an empty key": (401, lambda _: [("x-api-key", "")]),
    "the hash of the key": (
        401,
        lambda one: [("x-api-key", hashlib.sha256(one.world.key.encode()).hexdigest())],
    ),
    "the key as a token": (401, lambda one: bearing(one.world.key)),
    "an expired token": (401, lambda one: bearing(token(sub=one.admin, exp=int(time.time()) - 3600))),
    "a token of tomorrow": (401, lambda one: bearing(token(sub=one.admin, nbf=int(time.time()) + 86400))),
    "a token for others": (401, lambda one: bearing(token(sub=one.admin, aud="another"))),
    "a token by others": (401, lambda one: bearing(token(sub=one.admin, iss="https://evil.test/"))),
    "a token of another key": (401, lambda one: bearing(token(rsa_key(1), sub=one.admin))),
    "a token of an unknown key": (401, lambda one: bearing(token(rsa_key(1), headers={"kid": "x"}, sub=one.admin))),
    "a token that brings its key": (
        401,
        lambda one: bearing(token(rsa_key(1), headers={"jwk": jwk(rsa_key(1), "first")}, sub=one.admin)),
    ),
    "an unsigned token": (401, lambda one: bearing(by_hand({"alg": "none", "kid": "first"}, {"sub": one.admin}))),
    "a token signed by what all can read": (
        401,
        lambda one: bearing(by_hand({"alg": "HS256", "kid": "first"}, {"sub": one.admin}, document(*KEYS))),
    ),
    "a key and a token": (400, lambda one: [("x-api-key", one.world.key), *bearing(token(sub=one.admin))]),
    "two keys": (400, lambda one: [("x-api-key", "x"), ("x-api-key", one.world.key)]),
}


@dataclass
class Foreigners:
    """A workspace of others, and its people; ``stranger`` belongs nowhere, ``former`` belonged to the victim's."""

    world: World
    admin: str
    agent: str
    former: str

    def foreign(self) -> dict[str, Headers]:
        """Who is let in, but not there."""
        return {
            "a foreign key": [("x-api-key", self.world.key)],
            "a foreign admin": bearing(token(sub=self.admin)),
            "a foreign agent": bearing(token(sub=self.agent)),
        }

    def refused(self, one: Victim) -> dict[str, Headers]:
        """Who is known, and refused."""
        there = naming(one.world.id)
        foreign = {f"{who} who names the workspace": [*shown, *there] for who, shown in self.foreign().items()}
        return foreign | {
            "a stranger": bearing(token(sub=str(uuid.uuid4()))),
            "a stranger who names the workspace": [*bearing(token(sub=str(uuid.uuid4()))), *there],
            "a former member": bearing(token(sub=self.former)),
            "a former member who names the workspace": [*bearing(token(sub=self.former)), *there],
        }


async def foreigners(one: Victim) -> Foreigners:
    world = await World(one.world.database).settle()
    (_, admin), (_, agent), (user, former) = (
        await join(world, "admin"),
        await join(world, "agent"),
        await join(one.world, "admin"),
    )
    await world.database.execute("DELETE FROM users WHERE id = $1", user)
    return Foreigners(world=world, admin=admin, agent=agent, former=former)


def insiders(one: Victim) -> dict[str, Headers]:
    return {
        "its key": [("x-api-key", one.world.key)],
        "its admin": bearing(token(sub=one.admin)),
        "its agent": [*bearing(token(ec_key(), "ES256", {"kid": "curve"}, sub=one.agent)), *naming(one.world.id)],
    }


COLUMNS = """
SELECT t.tablename, array_agg(format('%I = ANY($1::uuid[])', c.column_name)) FILTER (WHERE c.data_type = 'uuid')
FROM pg_tables t JOIN information_schema.columns c ON (c.table_schema, c.table_name) = (t.schemaname, t.tablename)
WHERE t.schemaname = 'public' GROUP BY t.tablename ORDER BY t.tablename"""


async def rows(database: asyncpg.Connection, ids: frozenset[str]) -> list[str]:
    """Every row of any table in which one of ``ids`` stands; all rows of a table that holds no ids."""
    found = []
    for table, conditions in await database.fetch(COLUMNS):
        where, arguments = (f"WHERE {' OR '.join(conditions)}", [ids]) if conditions else ("", [])
        matched = await database.fetch(f"SELECT to_jsonb(t)::text FROM {table} t {where} ORDER BY 1", *arguments)
        found += [f"{table} {row}" for (row,) in matched]
    return found
