"""Callers of the read routes, with writes beside: the same ones, at the same moments, for every service they call.

They are drawn by Zipf's law (exponent 1) over all contacts of the seed; nine requests of twenty look one up, nine list
the inbox of the workspace called, one sends a message, one delivers one. Arrivals are due at a fixed rate, and response
time is from the moment due, whatever becomes of those before.
"""

import asyncio
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from random import Random
from typing import Any
from uuid import UUID

import httpx
from tailgate_otel import names
from tailgate_service.fields import digits
from tailgate_service.seed.config import SeedConfig
from tailgate_service.seed.workspace import COLUMNS, Workspace

ROUTES = {"card": "/api/contacts/by-phone", "inbox": "/api/conversations"}
"""Of the kinds of request that read."""
_MIX = ("card", "inbox") * 9 + ("send", "intake")

Contact = tuple[str, str, str]
"""The workspace's id, the phone's digits, and the id of a conversation."""


def contacts(seed: SeedConfig) -> list[Contact]:
    """All contacts of the seed, which are known without asking the database."""
    found = []
    for number in range(seed.workspaces):
        rows = Workspace(seed, number).rows
        conversation = {row["contact_id"]: row["id"] for row in _read(rows, "conversations")}
        found += [
            (str(UUID(row["workspace_id"])), digits(row["phone"]), conversation[row["id"]])
            for row in _read(rows, "contacts")
        ]
    return found


def _read(rows: dict[str, list[str]], table: str) -> Iterator[dict[str, str]]:
    columns = COLUMNS[table].split()
    return (dict(zip(columns, line.rstrip("\n").split("\t"), strict=True)) for line in rows[table])


class Callers:
    """Who calls: by Zipf's law, ranks dealt out at random, the same for the same ``seed``."""

    def __init__(self, everybody: Sequence[Contact], seed: int) -> None:
        self._random = Random(seed)
        self._everybody = list(everybody)
        self._random.shuffle(self._everybody)
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._everybody) + 1)))

    def __call__(self) -> Contact:
        """The next caller."""
        return self._random.choices(self._everybody, cum_weights=self._weights)[0]


class Requests:
    """Makes requests of each kind to one service."""

    def __init__(self, client: httpx.AsyncClient, targets: dict[str, Any]) -> None:
        self._client = client
        self._secret = targets["webhook"]["secret"].encode()
        self._workspaces = {workspace["id"]: workspace for workspace in targets["workspaces"]}
        self._sent = count()

    async def show_keys(self) -> None:
        """Have the service see the key of each workspace."""
        for workspace in self._workspaces:
            await self.ask("inbox", (workspace, "", ""))

    async def ask(self, kind: str, caller: Contact) -> httpx.Response:
        """Ask, and raise ``SystemExit`` when the answer is not the one expected: nothing is measured of a failure."""
        answer = await self._client.send(self._request(kind, caller))
        if not answer.is_success:
            raise SystemExit(f"{kind} was answered with {answer.status_code}: {answer.text[:200]}")
        return answer

    def _request(self, kind: str, caller: Contact) -> httpx.Request:
        workspace_id, phone, conversation = caller
        workspace = self._workspaces[workspace_id]
        key = {names.HEADER_API_KEY: workspace["api_key"]}
        build = self._client.build_request
        if kind == "card":
            return build("GET", ROUTES["card"], params={"phone": phone}, headers=key)
        if kind == "inbox":
            return build("GET", ROUTES["inbox"], headers=key)
        number = f"{os.getpid()}-{next(self._sent)}"
        if kind == "send":
            return build(
                "POST", "/api/messages/send", json={"conversation_id": conversation, "body": number}, headers=key
            )
        message = {"id": f"wamid.{number}", "timestamp": str(int(time.time())), "text": {"body": number}}
        delivery = {"message": message, "conversation": {"phone_number": phone}}
        body = json.dumps(delivery | {"phone_number_id": workspace["phone_number_id"]}).encode()
        signature = {names.HEADER_WEBHOOK_SIGNATURE: hmac.new(self._secret, body, hashlib.sha256).hexdigest()}
        return build("POST", "/api/webhook/kapso", content=body, headers=signature)


async def load(requests: Requests, callers: Callers, rate: float, seconds: float) -> list[float]:
    """The response times of the reads that were due in so many seconds, in seconds."""
    times: list[float] = []
    began = time.perf_counter()

    async def one(kind: str, due: float) -> None:
        await requests.ask(kind, callers())
        if kind in ROUTES:
            times.append(time.perf_counter() - due)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(_MIX[number % len(_MIX)], due))
    return times
