"""Each data layer measured twice: by itself, and through the whole API."""

import asyncio
import http.client
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import uvloop
from tailgate_otel import names

from tailgate_service.errors import MeasureError
from tailgate_service.identity import Identity
from tailgate_service.measure.times import Times, times
from tailgate_service.seed.config import SeedConfig
from tailgate_service.settings import Settings, Variant
from tailgate_service.stack import Stack, StackConfig, start
from tailgate_service.store.base import InboxQuery, Outgoing, Store

Way = Literal["direct", "api"]
CALLS = ("by-phone", "conversations", "send")
"""What is called: a caller's card, the first page of the inbox, a message sent."""
WAYS: tuple[Way, ...] = ("direct", "api")
LIMIT = 0.5
"""Seconds that P95 must stay below."""
BODY = "Thank you, we will call you back."
WARM_UP = 5
"""Calls before those that count: connections and plans are made by then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One kind of call to one layer, one at a time.

    ``direct`` is timed from its method's call to its return, ``api`` from a request's first byte to its answer's last.
    """

    variant: Variant
    way: Way
    call: str
    times: Times

    @property
    def kept(self) -> bool:
        """Whether its P95 is below ``LIMIT``."""
        return self.times.percentile(0.95) < LIMIT


@dataclass(frozen=True, kw_only=True, slots=True)
class _Caller:
    """Somebody of the seed to call about."""

    who: Identity
    key: str
    phone: str
    conversation: UUID


def measure(
    variant: Variant,
    *,
    calls: int,
    db_rtt: float,
    ways: Sequence[Way] = WAYS,
    seed: SeedConfig | None = None,
    cache: Path | None = None,
) -> tuple[list[Measured], float]:
    """The layer of ``variant`` over an embedded database with ``db_rtt`` seconds of round trip before it.

    Also says what that round trip really is. Raises ``MeasureError`` when a call fails, and what ``stack.start`` does.
    """
    config = StackConfig(variant=variant, db_rtt=db_rtt, seed=seed or SeedConfig(), cache=cache)
    found = []
    with start(config) as stack:
        callers = _callers(stack.targets)
        if "direct" in ways:
            for call, seconds in uvloop.run(_direct(variant, stack, callers, calls)).items():
                found.append(Measured(variant=variant, way="direct", call=call, times=times(seconds)))
        if "api" in ways:
            for call, seconds in _through_api(stack, callers, calls).items():
                found.append(Measured(variant=variant, way="api", call=call, times=times(seconds)))
        return found, float(stack.facts["db_rtt"]["measured"])


def _callers(targets: Path) -> list[_Caller]:
    """The seed's workspaces in turn, and in each another caller every time."""
    workspaces = json.loads(targets.read_text("utf-8"))["workspaces"]
    rows = [zip(each["phones"], each["conversations"], strict=False) for each in workspaces]
    return [
        _Caller(
            who=Identity(workspace_id=UUID(workspace["id"])),
            key=workspace["api_key"],
            phone=phone,
            conversation=UUID(conversation),
        )
        for turn in zip(*rows, strict=False)
        for workspace, (phone, conversation) in zip(workspaces, turn, strict=True)
    ]


async def _direct(variant: Variant, stack: Stack, callers: list[_Caller], calls: int) -> dict[str, list[float]]:
    # Not at the top: the application takes half a second to import, which every verb of the command would wait for.
    from tailgate_service.app import open_store
    from tailgate_service.server import open_pool

    # A pool as the service has it; the webhook is not asked.
    settings = Settings(database_url=stack.dsn, variant=variant, webhook_secret="-", webhook_verify_token="-")  # noqa: S106
    async with open_pool(settings) as pool, open_store(settings, variant, pool) as store:
        return {call: await _timed(_method(store, call), callers, calls) for call in CALLS}


def _method(store: Store, call: str) -> Callable[[_Caller], Awaitable[object]]:
    methods: dict[str, Callable[[_Caller], Awaitable[object]]] = {
        "by-phone": lambda caller: store.contacts.card(caller.who, caller.phone),
        "conversations": lambda caller: store.conversations.inbox(caller.who, InboxQuery()),
        "send": lambda caller: store.conversations.send(
            caller.who, Outgoing(conversation_id=caller.conversation, body=BODY)
        ),
    }
    return methods[call]


async def _timed(method: Callable[[_Caller], Awaitable[object]], callers: list[_Caller], calls: int) -> list[float]:
    seconds = []
    for caller in islice(cycle(callers), WARM_UP + calls):
        began = time.perf_counter()
        await method(caller)
        seconds.append(time.perf_counter() - began)
        # What the layer does behind an answer is not the next call's.
        await asyncio.sleep(0)
    return seconds[WARM_UP:]


def _through_api(stack: Stack, callers: list[_Caller], calls: int) -> dict[str, list[float]]:
    address = urlsplit(stack.url)
    with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)) as connection:
        return {call: list(_requests(connection, call, callers, calls)) for call in CALLS}


def _requests(connection: http.client.HTTPConnection, call: str, callers: list[_Caller], calls: int) -> Iterator[float]:
    for number, caller in enumerate(islice(cycle(callers), WARM_UP + calls)):
        method, path, body = _request(call, caller)
        headers = {names.HEADER_API_KEY: caller.key, "content-type": "application/json"}
        began = time.perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        seconds = time.perf_counter() - began
        if answer.status >= 300:
            raise MeasureError(f"{method} {path} was answered {answer.status}: {said.decode(errors='replace')[:200]}")
        if number >= WARM_UP:
            yield seconds


def _request(call: str, caller: _Caller) -> tuple[str, str, str | None]:
    requests: dict[str, tuple[str, str, Any]] = {
        "by-phone": ("GET", f"/api/contacts/by-phone?{urlencode({'phone': caller.phone})}", None),
        "conversations": ("GET", "/api/conversations", None),
        "send": ("POST", "/api/messages/send", {"conversation_id": str(caller.conversation), "body": BODY}),
    }
    method, path, body = requests[call]
    return method, path, None if body is None else json.dumps(body)
